// The answers that Chat understands. From "Before a Official Channel Is Created" and "Before Official Channel Is Subscribed".
import { type Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";

/** The JSON object that answers a webhook, sent with HTTP 200. */
export interface WebhookAnswer {
  ActionStatus: "OK" | "FAIL";
  ErrorInfo: string;
  ErrorCode: number;
  RefusedSubscribers_Account?: string[];
}

/** Allow, continue, or taken note of. */
export const okAnswer: WebhookAnswer = Object.freeze({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 });

/** Deny with Chat's own code, and what the caller may be told. */
export function denyAnswer(message: string): WebhookAnswer {
  return { ActionStatus: "OK", ErrorInfo: message, ErrorCode: 1 };
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

/** A decision on subscriptions: 0, with who is refused if anyone is, or 1 for all of them. Own codes are not documented here. */
export function subscriptionAnswer({ verdict, message, refused }: Decision): WebhookAnswer {
  if (verdict !== Verdict.ALLOW) return denyAnswer(message);
  if (refused.length === 0) return okAnswer;
  return { ...okAnswer, RefusedSubscribers_Account: refused.map((refusal) => refusal.subscriber) };
}
