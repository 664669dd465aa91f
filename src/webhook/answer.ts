// The answers that Chat understands. From "Before a Official Channel Is Created", "Before Official Channel Is Subscribed" and
// "Before Official Account Message Is Sent".
import { type Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";

/** The JSON object that answers a webhook, sent with HTTP 200. */
export interface WebhookAnswer {
  ActionStatus: "OK" | "FAIL";
  ErrorInfo: string;
  ErrorCode: number;
  RefusedSubscribers_Account?: string[];
  /** `MsgBody`: the elements that go out instead, each as its JSON is to be sent. `answerJson` puts them in. */
  messageBody?: readonly string[];
  CloudCustomData?: string;
}

/** Allow, continue, or taken note of. */
export const okAnswer: WebhookAnswer = Object.freeze({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 });

/** Deny with Chat's own code, and what the caller may be told. */
export function denyAnswer(message: string): WebhookAnswer {
  return { ActionStatus: "OK", ErrorInfo: message, ErrorCode: 1 };
}

/** Discard a message: the sender is told that it was sent. */
export const discardAnswer: WebhookAnswer = Object.freeze({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 2 });

/** The answer in JSON, with elements as they are. */
export function answerJson(answer: WebhookAnswer): string {
  if (answer.messageBody === undefined) return JSON.stringify(answer);
  const { messageBody, ...rest } = answer;
  return `${JSON.stringify(rest).slice(0, -1)},"MsgBody":[${messageBody.join(",")}]}`;
}

/** The event could not be kept. Not an acknowledgement: the event is not on disk. */
export const notRecordedAnswer: WebhookAnswer = Object.freeze({
  ActionStatus: "FAIL",
  ErrorInfo: "The event could not be recorded.",
  ErrorCode: 1,
});

/** The app's own codes, which Chat hands on to the client. */
const ownCodes = { first: 120001, last: 130000 };

/** A decision on a creation: 0, 1, or the policy's own code with its message. Any other code becomes 1. */
export function creationAnswer({ verdict, code, message }: Decision): WebhookAnswer {
  if (verdict === Verdict.ALLOW) return okAnswer;
  if (code < ownCodes.first || code > ownCodes.last) return denyAnswer(message);
  return { ActionStatus: "OK", ErrorInfo: message, ErrorCode: code };
}

/**
 * A decision on a message: 0, with what is to be sent instead if rules have rewritten it, 2 to discard it, 1, or the policy's own code with its
 * message.
 */
export function messageAnswer(decision: Decision): WebhookAnswer {
  const { verdict, rewrite } = decision;
  if (verdict === Verdict.DISCARD) return discardAnswer;
  if (verdict !== Verdict.ALLOW || rewrite === undefined) return creationAnswer(decision);
  const elements = rewrite.elements.flatMap(({ rawJson }) => (rawJson === "" ? [] : [rawJson]));
  return {
    ...okAnswer,
    ...(rewrite.customData !== undefined && { CloudCustomData: rewrite.customData }),
    ...(elements.length > 0 && { messageBody: elements }),
  };
}

/** A decision on subscriptions: 0, with who is refused if anyone is, or 1 for all of them. Own codes are not documented here. */
export function subscriptionAnswer({ verdict, message, refused }: Decision): WebhookAnswer {
  if (verdict !== Verdict.ALLOW) return denyAnswer(message);
  if (refused.length === 0) return okAnswer;
  return { ...okAnswer, RefusedSubscribers_Account: refused.map((refusal) => refusal.subscriber) };
}
