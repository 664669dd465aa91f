// OfficialAccount.CallbackBeforeCreateOfficialAccount. From "Before a Official Channel Is Created".
import { creationAnswer } from "../answer.ts";
import { text } from "../body.ts";
import type { BeforeCommand } from "./command.ts";

export const beforeCreateOfficialAccount: BeforeCommand<"createAccount"> = {
  kind: "before",
  action: "createAccount",
  decode: (body) => ({
    $typeName: "gatehouse.v1.CreateAccount",
    operator: text(body, "Operator_Account"),
    owner: text(body, "Owner_Account"),
    name: text(body, "Name"),
  }),
  encode: creationAnswer,
};
