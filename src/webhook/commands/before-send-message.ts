// OfficialAccount.CallbackBeforeSendMsg. From "Before Official Account Message Is Sent".
import { create } from "@bufbuild/protobuf";
import { SendMessageSchema } from "../../../gen/gatehouse/v1/action_pb.ts";
import { messageAnswer } from "../answer.ts";
import { flag, messageBody, text } from "../body.ts";
import type { BeforeCommand } from "./command.ts";

export const beforeSendMessage: BeforeCommand<"sendMessage"> = {
  kind: "before",
  action: "sendMessage",
  decode: (body, bodyText) =>
    create(SendMessageSchema, {
      accountId: text(body, "Official_Account"),
      onlineOnly: flag(body, "OnlineOnlyFlag"),
      elements: messageBody(bodyText),
      customData: text(body, "CloudCustomData"),
    }),
  encode: messageAnswer,
};
