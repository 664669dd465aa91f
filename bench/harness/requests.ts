// The requests of the benches: each is a template with slots that are different for every request, so that no cache flatters anybody.
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CreateAccountSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { type DecideRequest, DecideRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { OriginSchema } from "../../gen/gatehouse/v1/origin_pb.ts";

/** The app that every request is about. */
export const benchApp = 1400000000;

/** Slots take their values from 0 to below this prime, all of them once before any of them twice. */
export const idSpace = 10_000_019;

/** Every so manieth id is on a list that has enough entries: 100 000 of them. */
export const listedEvery = 100;

/** The digits of a slot. */
const digits = 8;

/** Bytes (one character of `parts` each) with slots between them; the slot at `i` of request `n` holds `n * multipliers[i] mod idSpace`. */
export interface Template {
  parts: readonly string[];
  multipliers: readonly number[];
}

/** A request over HTTP/1.1: its target and its body. */
export interface HttpRequest {
  path: string;
  body: Template;
}

/** An id as it stands in a slot. */
export function idText(id: number): string {
  return String(id).padStart(digits, "0");
}

/** What a slot of request `n` holds. */
function slotValue(n: number, multiplier: number): number {
  return (n * multiplier) % idSpace;
}

/** Request `n` of a template, one character a byte. */
export function render({ parts, multipliers }: Template, n: number): string {
  let text = parts[0] ?? "";
  for (const [i, multiplier] of multipliers.entries()) text += idText(slotValue(n, multiplier)) + (parts[i + 1] ?? "");
  return text;
}

/** The first request from `from` on that has, or has not, in one of its slots an id that is on lists of so many entries. */
export function firstRequest({ multipliers }: Template, from: number, isListed: boolean, entries: number): number {
  const isOnList = (id: number) => id % listedEvery === 0 && id / listedEvery < entries;
  for (let n = from; ; n++) if (multipliers.some((multiplier) => isOnList(slotValue(n, multiplier))) === isListed) return n;
}

/** Makes a template of what `encode` makes of its slots; slots may be moved, but must not be changed or repeated. */
function templateOf(multipliers: readonly number[], encode: (slot: (i: number) => string) => string | Uint8Array): Template {
  const mark = (i: number) => `#${String(i).padStart(digits - 1, "0")}`;
  const bytes = Buffer.from(encode(mark) as string).toString("latin1");
  const places = multipliers.map((multiplier, i) => ({ multiplier, at: bytes.indexOf(mark(i)) })).sort((a, b) => a.at - b.at);
  const parts: string[] = [];
  let start = 0;
  for (const { at } of places) {
    if (at < start) throw new Error("A slot of a template is missing in what was encoded.");
    parts.push(bytes.slice(start, at));
    start = at + digits;
  }
  return { parts: [...parts, bytes.slice(start)], multipliers: places.map(({ multiplier }) => multiplier) };
}

const eventTimeMs = 1_670_574_414_123;
/** Of the operator, the owner, the name, in this order; then the account's. Any number that is no multiple of the prime will do. */
const [operatorStep, ownerStep, nameStep, accountStep] = [48_271, 69_621, 16_807, 1];

function webhook(command: string, multipliers: readonly number[], members: (slot: (i: number) => string) => object): HttpRequest {
  const name = `OfficialAccount.Callback${command}`;
  return {
    path: `/?CallbackCommand=${name}&ClientIP=127.0.0.1&OptPlatform=RESTAPI&SdkAppid=${benchApp}&contenttype=json`,
    body: templateOf(multipliers, (slot) => JSON.stringify({ CallbackCommand: name, EventTime: eventTimeMs, ...members(slot) })),
  };
}

/** An operator, an owner and a name. */
const creation = (slot: (i: number) => string) => ({ operator: `u${slot(0)}`, owner: `u${slot(1)}`, name: `Channel ${slot(2)} News` });

/** BeforeCreateOfficialAccount. */
export const createWebhook = webhook("BeforeCreateOfficialAccount", [operatorStep, ownerStep, nameStep], (slot) => {
  const { operator, owner, name } = creation(slot);
  return { Operator_Account: operator, Owner_Account: owner, Name: name };
});

/** AfterCreateOfficialAccount of a new account each time, one millisecond after the one before. */
export const afterWebhook = webhook("AfterCreateOfficialAccount", [operatorStep, ownerStep, nameStep, accountStep, 1], (slot) => {
  const { operator, owner, name } = creation(slot);
  return {
    ...{ Official_Account: `@TOA#_a${slot(3)}`, Operator_Account: operator, Owner_Account: owner, Name: name },
    EventTime: `16705${slot(4)}`,
  };
});

/** BeforeAddSubscriber with so many subscribers. */
export function subscribeWebhook(subscribers: number): HttpRequest {
  const steps = Array.from({ length: subscribers }, (_, i) => 1_000_003 + i * 7_919);
  return webhook("BeforeAddSubscriber", [operatorStep, accountStep, ...steps], (slot) => ({
    Official_Account: `@TOA#_a${slot(1)}`,
    Operator_Account: `u${slot(0)}`,
    SubscribeAccountList: steps.map((_, i) => ({ Subscriber_Account: `u${slot(i + 2)}` })),
  }));
}

/** The same creation as a DecideRequest, in the encoding that `encode` gives it. */
function decideTemplate(encode: (request: DecideRequest) => string | Uint8Array): Template {
  return creationTemplate((fields) =>
    encode(
      create(DecideRequestSchema, {
        appId: benchApp,
        origin: create(OriginSchema, { clientIp: "127.0.0.1", platform: "RESTAPI", source: "bench" }),
        eventTime: timestampFromMs(eventTimeMs),
        action: { case: "createAccount", value: create(CreateAccountSchema, fields) },
      }),
    ),
  );
}

/** Makes a template of the same creations in other words. */
export function creationTemplate(encode: (fields: { operator: string; owner: string; name: string }) => string | Uint8Array): Template {
  return templateOf([operatorStep, ownerStep, nameStep], (slot) => encode(creation(slot)));
}

/** Decide over Connect with JSON. */
export const connectDecide: HttpRequest = {
  path: "/gatehouse.v1.ModerationService/Decide",
  body: decideTemplate((request) => toJsonString(DecideRequestSchema, request)),
};

/** Decide over gRPC. */
export const grpcDecide = {
  path: "/gatehouse.v1.ModerationService/Decide",
  message: decideTemplate((request) => toBinary(DecideRequestSchema, request)),
};
