// Messages for the tests of stores: complete and valid, with what a test cares about put in its place.
import { createHash } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, DecisionSchema, Effect, RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { type Event, EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { type ListEntry, ListEntrySchema } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { completeElement, textElementJson } from "../../src/elements/complete-element.ts";
import type { ApiKey, AskedCreation, FollowUpRules, NewAuditEntry, NewCase, PublishedPolicy } from "../../src/storage/storage.ts";
import { normalize } from "../../src/text/normalize.ts";

export const appId = 1_400_000_000;
/** The largest that an app id can be. */
export const maxAppId = 0xffff_ffff;
/** 2023-11-14T22:13:20.123Z. */
export const baseMs = 1_700_000_000_123;

/**
 * Ids that a store may confuse when it does not compare byte for byte: by case, by spaces at the end, by looks, by Unicode equivalence, by
 * wildcards, by numeric value, by encoding, by what ends a string in C.
 */
export const confusableIds = [
  "a",
  "A",
  "a ",
  " a",
  "а",
  "á",
  "a\u0301",
  "ａ",
  "%",
  "_",
  "1",
  "01",
  "1.0",
  "'",
  '"',
  "\\",
  "😀",
  "𝒜",
  "\uffee",
  "a\0",
  "\0",
  "\x01",
  "\x01\x01",
];

/** In the order of their UTF-8 bytes, which is not the order of JavaScript strings. */
export function inByteOrder(values: readonly string[]): string[] {
  return [...values].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export function sampleDecision(init: MessageInitShape<typeof DecisionSchema> = {}): Decision {
  return create(DecisionSchema, {
    appId,
    action: { case: "createAccount", value: { operator: "ann", owner: "ann", name: "News" } },
    verdict: Verdict.ALLOW,
    decideTime: timestampFromMs(baseMs),
    ...init,
  });
}

/** A decision with something in every corner. */
export function richDecision(): Decision {
  return sampleDecision({
    appId: maxAppId,
    requestId: "req 1",
    origin: { clientIp: "::1", platform: "RESTAPI", source: "webhook", traceId: "t-1" },
    eventTime: timestampFromMs(baseMs - 5),
    action: { case: "addSubscribers", value: { accountId: "@TOA#_x", operator: "bob", subscribers: ["s1", "S1", "s1 "] } },
    code: 120_001,
    message: "Non, 不行 😀",
    refused: [{ subscriber: "S1", rule: "banned", message: "" }],
    matches: [
      {
        rule: "banned",
        effect: Effect.REFUSE,
        mode: RuleMode.ENFORCE,
        subscriber: "S1",
        labels: { team: "trust", __proto__x: "1" },
        message: "banned: S1",
      },
      { rule: "odd", effect: Effect.FLAG, mode: RuleMode.SHADOW, error: "no such key", skipped: true, severity: Severity.HIGH },
    ],
    policyVersion: "f".repeat(64),
    degraded: true,
    facts: [
      { function: "signal", arguments: ["toxicity", "a"], value: "0.5", failure: "timeout" },
      { function: "inList", arguments: ["S1", "banned"], value: "true" },
      { function: "now", arguments: [], value: "7" },
    ],
  });
}

type EventInit = MessageInitShape<typeof EventSchema>;

export function sampleEvent(event: NonNullable<EventInit["event"]>, timeMs: number | undefined, init: EventInit = {}): Event {
  return create(EventSchema, {
    appId,
    receiveTime: timestampFromMs(baseMs),
    ...(timeMs === undefined ? {} : { eventTime: timestampFromMs(timeMs) }),
    event,
    ...init,
  });
}

export function createdEvent(accountId: string, timeMs: number | undefined, fields: { owner?: string; name?: string } = {}): Event {
  return sampleEvent({ case: "accountCreated", value: { accountId, owner: "ann", name: "News", ...fields } }, timeMs);
}

export function destroyedEvent(accountId: string, timeMs: number | undefined, fields: { owner?: string; name?: string } = {}): Event {
  return sampleEvent({ case: "accountDestroyed", value: { accountId, ...fields } }, timeMs);
}

export function changedEvent(
  accountId: string,
  timeMs: number | undefined,
  fields: { name?: string; introduction?: string; faceUrl?: string; organization?: string },
): Event {
  return sampleEvent({ case: "accountProfileChanged", value: { accountId, ...fields } }, timeMs);
}

export function subscribersEvent(change: "added" | "removed", accountId: string, timeMs: number | undefined, subscribers: string[]): Event {
  return change === "added"
    ? sampleEvent({ case: "subscribersAdded", value: { accountId, subscribers } }, timeMs)
    : sampleEvent({ case: "subscribersRemoved", value: { accountId, subscribers } }, timeMs);
}

/** A message of one text; its time is that of the event, to the second. */
export function messageEvent(accountId: string, messageKey: string, timeMs: number | undefined, text: string): Event {
  const elements = [completeElement({ rawJson: textElementJson(text) })];
  const messageTime = timeMs === undefined ? {} : { messageTime: timestampFromMs(Math.floor(timeMs / 1000) * 1000) };
  return sampleEvent({ case: "messageSent", value: { accountId, messageKey, elements, ...messageTime } }, timeMs);
}

export function withdrawnEvent(accountId: string, timeMs: number | undefined, messageKeys: string[]): Event {
  return sampleEvent({ case: "messagesWithdrawn", value: { accountId, messageKeys } }, timeMs);
}

export function fullEvent(accountId: string, timeMs: number | undefined): Event {
  return sampleEvent({ case: "accountFull", value: { accountId } }, timeMs);
}

/** A digest of the whole message: stands for the digest that callers make of an action or an event. */
export function digestOf(message: Decision | Event): Uint8Array {
  const bytes = message.$typeName === "gatehouse.v1.Event" ? toBinary(EventSchema, message) : toBinary(DecisionSchema, message);
  return sha256(bytes);
}

export function sha256(data: string | Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

export function listEntry(value: string, reason = "", timeMs = baseMs, init: MessageInitShape<typeof ListEntrySchema> = {}): ListEntry {
  return create(ListEntrySchema, { value, reason, createTime: timestampFromMs(timeMs), ...init });
}

/** An entry that counts until `expireMs`. */
export function expiringEntry(value: string, expireMs: number): ListEntry {
  return listEntry(value, "", baseMs, { expireTime: timestampFromMs(expireMs) });
}

export function samplePolicy(text: string, publishTimeMs = baseMs): PublishedPolicy {
  return { version: createHash("sha256").update(text).digest("hex"), text, author: "ann", reason: `why ${text}`, publishTimeMs };
}

/** How long events are followed up in tests. */
export const followUpMs = 86_400_000;

/** How subscriptions and messages are followed up in tests. */
export const followUpRules: FollowUpRules = { reservationMs: 1000, followUpMs, messageBypassCases: false };

/** A creation that was allowed and takes room and name for an hour. */
export function roomOf(owner: string, name: string, lapseMs = baseMs + 3_600_000): AskedCreation {
  return { ...askedFor(owner, name), lapseMs, takesRoom: true, takesName: normalize(name) };
}

/** A creation that was asked, and denied unless it gets a `lapseMs`. */
export function askedFor(owner: string, name: string, askMs = baseMs): AskedCreation {
  return { operator: "", owner, name, askMs, followUpMs };
}

/** A case about the first decision. */
export function sampleCase(init: Partial<NewCase> = {}): NewCase {
  return { kind: CaseKind.LATE_DENY, appId, decisionId: "dec-000000000001", accountId: "a", user: "ann", timeMs: baseMs, ...init };
}

export function sampleKey(keyId: string, init: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId,
    name: "console",
    roles: [Role.VIEWER],
    appIds: [],
    secretDigest: new Uint8Array(createHash("sha256").update(keyId).digest()),
    creator: "",
    createTimeMs: baseMs,
    expireTimeMs: undefined,
    revoker: "",
    revokeTimeMs: undefined,
    lastUseTimeMs: undefined,
    ...init,
  };
}

export function sampleAuditEntry(init: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    principal: { kind: PrincipalKind.LOCAL, id: "", name: "" },
    method: "gatehouse.v1.ListService/AddEntries",
    appId: 0,
    target: "",
    requestJson: "{}",
    beforeJson: "",
    beginTimeMs: baseMs,
    ...init,
  };
}
