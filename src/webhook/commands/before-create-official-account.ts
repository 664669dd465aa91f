// OfficialAccount.CallbackBeforeCreateOfficialAccount. From "Before a Official Channel Is Created".
import { create } from "@bufbuild/protobuf";
import { CreateAccountSchema } from "../../../gen/gatehouse/v1/action_pb.ts";
import { creationAnswer } from "../answer.ts";
import { text } from "../body.ts";
import type { BeforeCommand } from "./command.ts";

export const beforeCreateOfficialAccount: BeforeCommand<"createAccount"> = {
  kind: "before",
  action: "createAccount",
  decode: (body) =>
    create(CreateAccountSchema, {
      operator: text(body, "Operator_Account"),
      owner: text(body, "Owner_Account"),
      name: text(body, "Name"),
    }),
  encode: creationAnswer,
};
