// Decisions on subscribers and messages, and their events, for the tests of what follows from them. Times are milliseconds after baseMs.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { CaseKind, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, ElementChange, type MessageRewrite, MessageRewriteSchema, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { textElementJson } from "../../src/elements/complete-element.ts";
import type { AppendedEvent, FollowUpRules, Store } from "../../src/storage/storage.ts";
import { appId, baseMs, digestOf, followUpMs, followUpRules, sampleDecision, subscribersEvent } from "./samples.ts";

/** How the store is swept. */
export const sweep = { reservationMs: followUpRules.reservationMs, keepMs: followUpMs };

/** What a sweep says that has abandoned nothing. */
export const none = { createAccount: 0, addSubscribers: 0, sendMessage: 0 };

/** What is asked; times are milliseconds after baseMs. */
export interface Asked {
  account?: string;
  verdict?: Verdict;
  refused?: readonly string[];
  askedMs?: number;
  decidedMs?: number;
}

/** When a decision was asked and made. */
type Times = Partial<Pick<Decision, "eventTime" | "decideTime">>;

export function subscription(subscribers: string[], said: Pick<Asked, "account" | "verdict" | "refused">, times: Times): Decision {
  const { account = "a", verdict = Verdict.ALLOW, refused = [] } = said;
  return sampleDecision({
    action: { case: "addSubscribers", value: { accountId: account, operator: "op", subscribers } },
    verdict,
    refused: refused.map((subscriber) => ({ subscriber, rule: "r" })),
    ...defined(times),
  });
}

/** What is said; `rewritten` is what it becomes. */
export interface Said {
  account?: string;
  verdict?: Verdict;
  rewritten?: string;
}

export function message(text: string, { account = "a", verdict = Verdict.ALLOW, rewritten }: Said, times: Times): Decision {
  return sampleDecision({
    action: { case: "sendMessage", value: { accountId: account, elements: [{ rawJson: textElementJson(text) }] } },
    verdict,
    ...(rewritten !== undefined && { rewrite: rewriteTo(rewritten) }),
    ...defined(times),
  });
}

export function defined({ eventTime, decideTime }: Times) {
  return { ...(eventTime && { eventTime }), ...(decideTime && { decideTime }) };
}

export function rewriteTo(text: string): MessageRewrite {
  return create(MessageRewriteSchema, { elements: [{ change: ElementChange.CHANGED, rawJson: textElementJson(text) }] });
}

/** Appends a decision on subscribers, asked and decided so long after baseMs. */
export function asked(store: Store, subscribers: string[], { askedMs, decidedMs = 0, ...said }: Asked = {}) {
  const decideTime = timestampFromMs(baseMs + decidedMs);
  const eventTime = timestampFromMs(baseMs + (askedMs ?? decidedMs));
  return appended(store, subscription(subscribers, said, { decideTime, eventTime }));
}

export async function ask(store: Store, subscribers: string[], said: Asked = {}): Promise<string> {
  return (await asked(store, subscribers, said)).decision.decisionId;
}

export function say(store: Store, text: string, said: Said = {}): Promise<string> {
  return append(store, message(text, said, {}));
}

export async function append(store: Store, decision: Decision): Promise<string> {
  return (await appended(store, decision)).decision.decisionId;
}

export async function appended(store: Store, decision: Decision) {
  const nowMs = Number(decision.decideTime?.seconds ?? 0n) * 1000;
  const made = { decision, actionDigest: new Uint8Array(), counts: [], followUp: followUpRules };
  const result = await store.appendDecision(nowMs, () => made);
  if (result.kind !== "appended") throw new Error(`It was not appended: ${result.kind}.`);
  return result;
}

export function added(subscribers: string[], afterMs: number, accountId = "a"): Event {
  const event = subscribersEvent("added", accountId, baseMs + afterMs, subscribers);
  if (event.event.case === "subscribersAdded") event.event.value.operator = "op";
  return event;
}

/** Appends an event at `nowMs`, joined with what it follows from. */
export function follow(store: Store, event: Event, nowMs = baseMs, followUp: FollowUpRules = followUpRules): Promise<AppendedEvent> {
  return store.appendEvent(event, digestOf(event), nowMs, { followUp });
}

export async function outcome(store: Store, event: Event, nowMs?: number): Promise<FollowUp | undefined> {
  return (await follow(store, event, nowMs)).followedUp?.[0]?.followUp;
}

export async function eventsOf(store: Store, accountId = "a"): Promise<Event[]> {
  return (await store.listAccountEvents(appId, accountId, { size: 100 })).items;
}

/** What is known of each subscriber of the account's first event. */
export async function ofEvent(store: Store): Promise<[string, FollowUp, string][]> {
  const [event] = await eventsOf(store);
  return event?.subscriberFollowUps.map(({ subscriber, followUp, decisionId }) => [subscriber, followUp, decisionId]) ?? [];
}

export async function casesOf(store: Store): Promise<[CaseKind, CaseState, string][]> {
  return (await store.listCases({}, { size: 10 })).items.map(({ kind, state, user }) => [kind, state, user]);
}

export async function everything(store: Store): Promise<unknown> {
  const decisions: Decision[] = (await store.listDecisions({}, { size: 100 })).items;
  return { decisions, events: await eventsOf(store), cases: await casesOf(store), end: await store.latestPosition() };
}
