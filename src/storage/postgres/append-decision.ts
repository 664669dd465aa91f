// Appends decisions, as if they were made one after another however many overlap, in however many processes.
import { valuesOfAsked } from "../creation-rows.ts";
import { createCreations, type FollowedUpValues } from "../creations.ts";
import { encodeDecision } from "../decision-codec.ts";
import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { degradedDecision } from "../degraded-decision.ts";
import { clockSlackMs } from "../follow-up-join.ts";
import { thingsOfSubscribers } from "../follow-up-parts.ts";
import { followedUpOf } from "../followed-up.ts";
import { digestHex } from "../message-json.ts";
import { createPartFollowUps } from "../part-follow-ups.ts";
import { bucketStartMs, firstBucketStartMs } from "../rate-buckets.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { AppendedDecision, Decisions, FollowedUp, FollowUpRules, NewDecision, StoredFacts } from "../storage.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { createUnderWay } from "../under-way.ts";
import { createAsking } from "./asking.ts";
import type { Commits, WriteRows } from "./commits.ts";
import type { Reader } from "./connections.ts";
import { selectDecision } from "./decision-rows.ts";
import { createFacts } from "./facts.ts";
import type { Memory } from "./memory.ts";
import { isPlainAllow } from "./retention-classes.ts";
import type { InsertedDecision } from "./working-logs.ts";
import type { WorkingRows } from "./working-rows.ts";

/** What appending needs. */
export interface AppendDecisionDeps {
  reader: Reader;
  commits: Commits;
  memory: Memory;
}

/** About how many bytes a decision holds while it waits. */
const decisionBytes = 1000;

type Appending = { kind: "first"; seq: number; isSame: boolean } | Exclude<AppendedDecision, { kind: "repeat" }>;

/** Creates the appending of decisions. */
export function createAppendDecision({ reader, commits, memory }: AppendDecisionDeps): Decisions["appendDecision"] {
  return async (nowMs, make, usefulUntilMs) => {
    const write = appender(nowMs, memory, make);
    // What a fallback has answered is with whoever asked already, and can wait.
    const turn = () => (make(createFacts(nowMs, createAsking(memory), memory, createUnderWay())).answer === undefined ? "first" : "later");
    const appended = await commits.commit(write, { isDecision: true, turn, bytes: decisionBytes, usefulUntilMs });
    if (appended.kind !== "first") return appended;
    if (!appended.isSame) return { kind: "reused", decisionId: formatSequenceId("dec", appended.seq) };
    const row = await reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, appended.seq);
    if (row === undefined) throw storeUnavailable(new Error(`The decision ${appended.seq} cannot be found.`));
    return { kind: "repeat", decision: decisionOf(row) };
  };
}

function appender(nowMs: number, memory: Memory, make: (facts: StoredFacts) => NewDecision): WriteRows<Appending> {
  return (rows) => {
    const made = make(createFacts(nowMs, rows.asking, memory, rows.underWay));
    const { appId, requestId } = made.decision;
    const earlier = requestId === "" ? undefined : rows.request(appId, requestId);
    if (earlier !== undefined) {
      const isSame = earlier.digest === digestHex(made.actionDigest);
      return (at) => ({ kind: "first", seq: at(earlier.seq), isSame });
    }
    const decision = made.answer === undefined ? made.decision : degradedDecision(made.decision, made.answer);
    const inserted = insertDecision(rows, decision, { actionDigest: made.actionDigest, eventSeq: null });
    const { seq } = inserted;
    if (requestId !== "") rows.keepRequest(appId, requestId, seq, made.actionDigest);
    count(rows, nowMs, made);
    const followedUp = ask(rows, inserted, nowMs, made);
    return (at) => {
      const appended = { ...decision, decisionId: formatSequenceId("dec", at(seq)) };
      return { kind: "appended", decision: appended, ...followedUpAt(followedUp, at) };
    };
  };
}

/** Writes a decision's row, which it results in. */
export function insertDecision(
  rows: WorkingRows,
  decision: NewDecision["decision"],
  { actionDigest, eventSeq }: { actionDigest: Uint8Array | undefined; eventSeq: number | null },
): InsertedDecision {
  const encoded = encodeDecision(decision);
  // The request_id of a decision about an event is the event's, and must not take that of a decision.
  const requestId = eventSeq === null ? encoded.requestId : null;
  const row = {
    seq: rows.nextSeq(),
    app_id: encoded.appId,
    request_id: requestId,
    action_digest: requestId === null || actionDigest === undefined ? null : digestHex(actionDigest),
    account_id: encoded.accountId,
    operator: encoded.operator,
    owner: encoded.owner,
    verdict: encoded.verdict,
    policy_version: encoded.policyVersion,
    event_time: encoded.eventTimeMs,
    decide_time: encoded.decideTimeMs,
    is_plain: isPlainAllow(decision),
    body: encoded.body,
    event_seq: eventSeq,
  };
  rows.insertDecision(row);
  if (encoded.policyVersion !== null) rows.addPolicy(encoded.policyVersion);
  return row;
}

/** What became known, with the sequence numbers where they are by now. */
export function followedUpAt(values: FollowedUpValues, at: (seq: number) => number): { followedUp?: readonly FollowedUp[] } {
  if (values.length === 0) return {};
  // Of four numbers the first says what, the others are sequence numbers or 0.
  const moved = values.map((value, index) => (index % 4 === 0 || value === 0 ? value : at(value)));
  return { followedUp: followedUpOf([0, ...moved]) ?? [] };
}

function count(rows: WorkingRows, nowMs: number, { counts }: NewDecision): void {
  for (const { counter, key } of counts) {
    const { appId, action, windowMs } = counter;
    const start = bucketStartMs(windowMs, nowMs);
    rows.underWay.count(counter, key, start);
    rows.count({ app_id: appId, action, window_ms: windowMs, key, start, first: firstBucketStartMs(windowMs, nowMs) });
  }
}

/** Keeps what was asked, and joins it with what came before it. */
function ask(
  rows: WorkingRows,
  inserted: InsertedDecision,
  nowMs: number,
  { decision, creation, followUp }: NewDecision,
): FollowedUpValues {
  if (creation === undefined) return followUp === undefined ? [] : askParts(rows, inserted, nowMs, decision, followUp);
  const { appId } = decision;
  rows.underWay.take(appId, creation);
  return createCreations(rows.creationRows, rows.followUpCases).ask(inserted.seq, appId, valuesOfAsked(creation), nowMs);
}

function askParts(
  rows: WorkingRows,
  inserted: InsertedDecision,
  nowMs: number,
  { action }: NewDecision["decision"],
  rules: FollowUpRules,
): FollowedUpValues {
  const { app_id, account_id, event_time, decide_time } = inserted;
  if (account_id === null || (action.case !== "addSubscribers" && action.case !== "sendMessage")) return [];
  const sinceMs = (event_time ?? decide_time ?? nowMs) - clockSlackMs;
  // What this asks is known before any fact is, so that it is asked together with the first of them.
  const happened =
    action.case === "addSubscribers"
      ? rows.addedSince(app_id, account_id, sinceMs, thingsOfSubscribers(action.value.subscribers))
      : rows.sentSince(app_id, account_id, sinceMs);
  if (happened.length === 0) return [];
  const asked = rows.partedDecision({ ...inserted, account_id });
  const things = asked.parts.map(({ thing }) => thing).filter((thing) => happened.includes(thing));
  return things.length === 0 ? [] : createPartFollowUps(rows.partRows, rows.followUpCases).ask(asked, things, rules, nowMs);
}
