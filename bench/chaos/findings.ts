// Holds what is recorded against what clients were told.
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Ledger } from "./ledger.ts";
import { codes, quota } from "./policy.ts";
import type { RecordedChange } from "./recorded.ts";

/** A promise, and where it was not kept. */
export interface Finding {
  promise: string;
  /** Of how many. */
  of: number;
  broken: string[];
}

/** What is compared. */
export interface Told {
  ledger: Ledger;
  /** The whole feed. */
  feed: readonly RecordedChange[];
  /** The ids of the decisions that a fallback has answered. */
  degraded: ReadonlySet<string>;
}

type RecordedDecision = Extract<RecordedChange, { kind: "decision" }>;

/** Everything that was promised of decisions, events and quotas. */
export function findingsOf(told: Told): Finding[] {
  const decisions = told.feed.filter((change) => change.kind === "decision");
  return [...decisionFindings(told, decisions), ...callFindings(told, decisions), ...eventFindings(told), ...quotaFindings(told)];
}

function decisionFindings({ ledger, degraded }: Told, decisions: readonly RecordedDecision[]): Finding[] {
  const byKey = Map.groupBy(
    decisions.filter(({ decision }) => !ledger.calls.has(decision.requestId)),
    ({ key }) => key,
  );
  const lost: string[] = [];
  const changed: string[] = [];
  for (const [key, code] of ledger.decided) {
    const [first] = byKey.get(key) ?? [];
    if (first === undefined) lost.push(`${key}, answered ${code}`);
    else if (first.decision.code !== code || degraded.has(first.decision.decisionId)) {
      changed.push(`${key}, answered ${code}, is ${first.decision.decisionId} with ${first.decision.code}`);
    }
  }
  // What waits in the memory of a process that is killed is gone; docs/degraded.md says so.
  const kept = [...ledger.fallbacks].filter(([, { isGone }]) => !isGone).map(([key]) => key);
  const forgotten = kept.filter((key) => !byKey.get(key)?.some(({ decision }) => degraded.has(decision.decisionId)));
  const doubled = [...byKey].filter(([key, of]) => of.length > 1 && isOfWebhook(key));
  return [
    { promise: "decisions answered by webhook are recorded", of: ledger.decided.size, broken: lost },
    { promise: "… with the verdict that was answered", of: ledger.decided.size, broken: changed },
    {
      promise: "… and no webhook's decision more than once",
      of: byKey.size,
      broken: doubled.map(([key, of]) => `${key}: ${of.map(({ decision }) => decision.decisionId)}`),
    },
    { promise: "fallbacks of replicas that were not ended are recorded", of: kept.length, broken: forgotten },
  ];
}

/** Other decisions are asked for by request_id. */
function isOfWebhook(key: string): boolean {
  return key.startsWith("name ") || key.startsWith("@TOA#_s");
}

function callFindings({ ledger }: Told, decisions: readonly RecordedDecision[]): Finding[] {
  const byRequest = Map.groupBy(
    decisions.filter(({ decision }) => /^(call|variant|banned)-/.test(decision.requestId)),
    ({ decision }) => decision.requestId,
  );
  const lost: string[] = [];
  for (const [requestId, { decisionId, verdict }] of ledger.calls) {
    const [first] = byRequest.get(requestId) ?? [];
    if (first?.decision.decisionId !== decisionId || first.decision.verdict !== verdict) {
      lost.push(`${requestId}: ${decisionId} was answered, ${first?.decision.decisionId ?? "nothing"} is recorded`);
    }
  }
  const doubled = [...byRequest].filter(([, of]) => of.length > 1).map(([requestId]) => requestId);
  return [
    { promise: "decisions answered by call are recorded as they were", of: ledger.calls.size, broken: lost },
    { promise: "… one for each request_id, however often it was sent", of: byRequest.size, broken: [...doubled, ...ledger.toldOtherwise] },
    { promise: "what one replica changes counts for the next decision", of: ledger.changes, broken: ledger.behind },
  ];
}

function eventFindings({ ledger, feed }: Told): Finding[] {
  const byKey = Map.groupBy(
    feed.filter((change) => change.kind === "event"),
    ({ key }) => key,
  );
  return [
    {
      promise: "events that were acknowledged are recorded",
      of: ledger.events.size,
      broken: [...ledger.events].filter((key) => !byKey.has(key)),
    },
    {
      promise: "… and no event more than once",
      of: byKey.size,
      broken: [...byKey].filter(([, of]) => of.length > 1).map(([key]) => key),
    },
  ];
}

/** How much room of an owner is taken, going along the log. */
interface Taken {
  /** Without what a fallback has answered, which gives its room back at some time; and with it. */
  least: number;
  most: number;
}

/** Goes along the log: the policy allows an owner's creation if and only if there was room when it was made. */
function quotaFindings({ feed, degraded }: Told): Finding[] {
  const byOwner = new Map<string, Taken>();
  const over: string[] = [];
  const refused: string[] = [];
  let checked = 0;
  for (const change of feed) {
    if (change.kind === "event" && change.destroyed !== undefined) {
      const taken = byOwner.get(change.destroyed);
      if (taken !== undefined) byOwner.set(change.destroyed, { least: taken.least - 1, most: taken.most - 1 });
    }
    if (change.kind !== "decision" || change.decision.action.case !== "createAccount") continue;
    const { decisionId, verdict, code, degraded: isBornDegraded, action } = change.decision;
    const { owner } = action.value;
    const taken = byOwner.get(owner) ?? { least: 0, most: 0 };
    checked += 1;
    // Born degraded, its verdict is the fallback's.
    const isAllowed = isBornDegraded || verdict === Verdict.ALLOW;
    if (code === codes.quota && taken.most < quota) refused.push(`${decisionId} of ${owner}: only ${taken.most} taken`);
    if (!isAllowed) continue;
    const isCertain = !degraded.has(decisionId);
    if (isCertain && taken.least >= quota) over.push(`${decisionId} of ${owner}: ${taken.least} taken already`);
    byOwner.set(owner, { least: taken.least + Number(isCertain), most: taken.most + 1 });
  }
  return [
    { promise: `no owner is ever allowed more than ${quota}`, of: checked, broken: over },
    { promise: "… and none is refused while there is room", of: checked, broken: refused },
  ];
}
