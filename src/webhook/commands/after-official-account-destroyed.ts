// OfficialAccount.CallbackAfterOfficialAccountDestroyed. From "After Official Channel Is Destroyed".
import { create } from "@bufbuild/protobuf";
import { AccountDestroyedSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterOfficialAccountDestroyed: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "accountDestroyed",
    value: create(AccountDestroyedSchema, {
      accountId: text(body, "Official_Account"),
      owner: text(body, "Owner_Account"),
      name: text(body, "Name"),
    }),
  }),
};
