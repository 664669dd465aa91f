// OfficialAccount.CallbackAfterCreateOfficialAccount. From "After a Official Account Is Created".
import { create } from "@bufbuild/protobuf";
import { AccountCreatedSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterCreateOfficialAccount: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "accountCreated",
    value: create(AccountCreatedSchema, {
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      owner: text(body, "Owner_Account"),
      name: text(body, "Name"),
    }),
  }),
};
