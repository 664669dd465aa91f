// OfficialAccount.CallbackAfterOfficialAccountFull. From "After a Official Account Is Full".
import { create } from "@bufbuild/protobuf";
import { AccountFullSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterOfficialAccountFull: AfterCommand = {
  kind: "after",
  decode: (body) => ({ case: "accountFull", value: create(AccountFullSchema, { accountId: text(body, "Official_Account") }) }),
};
