// OfficialAccount.CallbackAfterOfficialAccountDestroyed. From "After Official Channel Is Destroyed".
import { text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterOfficialAccountDestroyed: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "accountDestroyed",
    value: {
      $typeName: "gatehouse.v1.AccountDestroyed",
      accountId: text(body, "Official_Account"),
      owner: text(body, "Owner_Account"),
      name: text(body, "Name"),
    },
  }),
};
