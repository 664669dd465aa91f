// Reads the members of a webhook's body.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { messageBodySlices } from "../elements/element-texts.ts";
import { timestampOfMs } from "../timestamp-of-ms.ts";

/** A webhook's body: a JSON object whose members are not known to be of any type. */
export type WebhookBody = Readonly<Record<string, unknown>>;

/** The body is not what the command's page says; the message says how. */
export class MalformedBody extends Error {
  override readonly name = "MalformedBody";
}

/** Reads a body. An empty one is an object without members, as the console's probe may send it. Throws MalformedBody. */
export function parseBody(text: string): WebhookBody {
  if (text === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedBody("the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new MalformedBody("the body is not a JSON object");
  return value as WebhookBody;
}

/** A text member; empty when it is not there. Throws MalformedBody when it is something else. */
export function text(body: WebhookBody, member: string): string {
  return optionalText(body, member) ?? "";
}

/** A text member; undefined when it is not there. Throws MalformedBody when it is something else. */
export function optionalText(body: WebhookBody, member: string): string | undefined {
  const value = Object.hasOwn(body, member) ? body[member] : undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new MalformedBody(`${member} is not a string`);
}

/** The texts under `member` in a list of objects, such as `SubscribeAccountList[{Subscriber_Account}]`. Throws MalformedBody. */
export function textsOf(body: WebhookBody, list: string, member: string): string[] {
  const value = Object.hasOwn(body, list) ? body[list] : undefined;
  if (!Array.isArray(value)) throw new MalformedBody(`${list} is not a list`);
  return value.map((item: unknown) => {
    if (typeof item !== "object" || item === null) throw new MalformedBody(`${list} holds something that is not an object`);
    const found = (item as WebhookBody)[member];
    if (typeof found !== "string") throw new MalformedBody(`${list} holds an entry whose ${member} is not a string`);
    return found;
  });
}

/** A member that is 1 or true for yes; anything else, and a member that is not there, is no. */
export function flag(body: WebhookBody, member: string): boolean {
  const value = Object.hasOwn(body, member) ? body[member] : undefined;
  return value === 1 || value === true || value === "1";
}

/** The elements of `MsgBody`, each as its JSON stands in the body. Throws MalformedBody when that is no list. */
export function messageBody(bodyText: string): { rawJson: string }[] {
  const elements = messageBodySlices(bodyText);
  if (elements === undefined) throw new MalformedBody("MsgBody is not a list");
  return elements.map((rawJson) => ({ rawJson }));
}

/** A time in seconds: a number, or a string of digits. Anything else counts as not given. */
export function secondsTime(body: WebhookBody, member: string): Timestamp | undefined {
  return timeOf(body[member], 1000);
}

/** The last millisecond that a Timestamp can say, in the year 9999. */
const lastMs = 253_402_300_799_999;

/** `EventTime`, milliseconds: a number, or a string of digits as one published sample has it. Anything else counts as not given. */
export function eventTime(body: WebhookBody): Timestamp | undefined {
  return timeOf(body.EventTime, 1);
}

function timeOf(value: unknown, unitMs: number): Timestamp | undefined {
  const units = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof units !== "number" || !Number.isInteger(units) || units <= 0) return undefined;
  return units * unitMs <= lastMs ? timestampOfMs(units * unitMs) : undefined;
}
