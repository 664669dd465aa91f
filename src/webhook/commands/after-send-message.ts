// OfficialAccount.CallbackAfterSendMsg. From "Callback After Sending an Official Account Message".
import { create } from "@bufbuild/protobuf";
import { MessageSentSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { flag, messageBody, secondsTime, text } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterSendMessage: AfterCommand = {
  kind: "after",
  decode(body, bodyText) {
    const value = create(MessageSentSchema, {
      accountId: text(body, "Official_Account"),
      messageKey: text(body, "MsgKey"),
      onlineOnly: flag(body, "OnlineOnlyFlag"),
      elements: messageBody(bodyText),
      customData: text(body, "CloudCustomData"),
    });
    const messageTime = secondsTime(body, "MsgTime");
    if (messageTime !== undefined) value.messageTime = messageTime;
    return { case: "messageSent", value };
  },
};
