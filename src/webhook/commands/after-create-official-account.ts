// OfficialAccount.CallbackAfterCreateOfficialAccount. From "After a Official Account Is Created".
import { text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterCreateOfficialAccount: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "accountCreated",
    value: {
      $typeName: "gatehouse.v1.AccountCreated",
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      owner: text(body, "Owner_Account"),
      name: text(body, "Name"),
    },
  }),
};
