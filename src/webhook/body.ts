// Reads the members of a webhook's body.
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";

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

/** The last millisecond that a Timestamp can say, in the year 9999. */
const lastMs = 253_402_300_799_999;

/** `EventTime`, milliseconds: a number, or a string of digits as one published sample has it. Anything else counts as not given. */
export function eventTime(body: WebhookBody): Timestamp | undefined {
  const value = body.EventTime;
  const ms = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof ms === "number" && Number.isInteger(ms) && ms > 0 && ms <= lastMs ? timestampFromMs(ms) : undefined;
}
