// Appends decisions, as if they were made one after another however many overlap.
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { valuesOfAsked } from "../creation-rows.ts";
import { encodeDecision } from "../decision-codec.ts";
import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { degradedDecision } from "../degraded-decision.ts";
import { hasParts } from "../follow-up-parts.ts";
import { followedUpOf, seqOf } from "../followed-up.ts";
import { bucketStartMs } from "../rate-buckets.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { AppendedDecision, Decisions, FollowUpRules, NewDecision, StoredFacts } from "../storage.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import type { UnderWay } from "../under-way.ts";
import { selectDecision, valuesOfDecision } from "./decision-rows.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";
import type { CountValues, WriteArguments, WriteResult } from "./writes.ts";

/** What appending needs. */
export interface AppendDecisionDeps {
  reader: Reader;
  writer: Writer;
  factsAt(nowMs: number): StoredFacts;
  underWay: UnderWay;
}

/**
 * What a decision takes and counts is in memory from when it is made until its write is settled, and on disk from then on; what is read is what
 * settled writes have made. So each is seen exactly once. Of decisions with one request_id only one is under way at a time: the others wait for
 * it, and take nothing.
 */
export function createAppendDecision({ reader, writer, factsAt, underWay }: AppendDecisionDeps): Decisions["appendDecision"] {
  /** The same rules go with one decision after the other. */
  let lastRules: { rules: FollowUpRules; json: string } | undefined;
  /** Appends under way, by app and request_id. */
  const requests = new Map<number, Map<string, Promise<AppendedDecision>>>();

  async function append(nowMs: number, make: (facts: StoredFacts) => NewDecision): Promise<AppendedDecision> {
    reader.assertOpen();
    const made = make(factsAt(nowMs));
    const { appId, requestId } = made.decision;
    // Nearly all: each further async function on this way would cost every decision.
    if (requestId === "") return appendedOf(made, await write(nowMs, made));
    const ofApp = requests.get(appId) ?? new Map<string, Promise<AppendedDecision>>();
    requests.set(appId, ofApp);
    const earlier = ofApp.get(requestId);
    if (earlier !== undefined) {
      await earlier.catch(() => undefined);
      return repeatOf(made) ?? append(nowMs, make);
    }
    // One that takes nothing can leave it to the writer to find out.
    const repeat = takesAnything(made) ? repeatOf(made) : undefined;
    if (repeat !== undefined) return repeat;
    const writing = write(nowMs, made).then((result) => appendedOf(made, result));
    ofApp.set(requestId, writing);
    try {
      return await writing;
    } finally {
      ofApp.delete(requestId);
    }
  }

  function write(nowMs: number, made: NewDecision): Promise<WriteResult<"appendDecision">> {
    const { actionDigest, answer, creation, followUp } = made;
    const decision = answeredDecision(made);
    const values = valuesOfDecision(encodeDecision(decision), actionDigest);
    const counts = countsOf(nowMs, made);
    const takes = takesAnything(made);
    const giveBack = takes ? take(made, counts) : undefined;
    const asked = creation === undefined ? null : JSON.stringify(valuesOfAsked(creation));
    const counted = counts.length === 0 ? null : JSON.stringify(counts);
    const appending: ["appendDecision", ...WriteArguments["appendDecision"]] = [
      "appendDecision",
      ...values,
      nowMs,
      asked,
      counted,
      followUp !== undefined && hasParts(decision) ? rulesJson(followUp) : null,
      takes ? 1 : 0,
    ];
    return writer.write(appending, giveBack, answer === undefined ? "first" : "later");
  }

  /** What a write that is done means. */
  function appendedOf(made: NewDecision, result: WriteResult<"appendDecision">): AppendedDecision {
    const seq = seqOf(result);
    if (seq > 0) {
      const appended = { kind: "appended" as const, decision: { ...answeredDecision(made), decisionId: formatSequenceId("dec", seq) } };
      const followedUp = followedUpOf(result);
      return followedUp === undefined ? appended : { ...appended, followedUp };
    }
    const first = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, -seq);
    if (first === undefined) throw storeUnavailable(new Error(`The decision ${-seq} cannot be found.`));
    return answerOf(first, made);
  }

  function rulesJson(rules: FollowUpRules): string {
    if (lastRules?.rules !== rules) lastRules = { rules, json: JSON.stringify(rules) };
    return lastRules.json;
  }

  /** Puts what the decision takes and counts into memory. Results in how to take it out again. */
  function take({ decision: { appId }, creation, counts }: NewDecision, values: readonly CountValues[]): () => void {
    if (creation !== undefined) underWay.take(appId, creation);
    for (const [index, { counter, key }] of counts.entries()) underWay.count(counter, key, values[index]?.[4] ?? 0);
    return () => {
      if (creation !== undefined) underWay.giveBack(appId, creation);
      for (const [index, { counter, key }] of counts.entries()) underWay.uncount(counter, key, values[index]?.[4] ?? 0);
    };
  }

  /** What the answer is when the request was decided before, undefined when it was not. */
  function repeatOf(made: NewDecision): AppendedDecision | undefined {
    const { appId, requestId } = made.decision;
    const first = reader.get<DecisionRow>(`${selectDecision} WHERE app_id = ? AND request_id = ?`, appId, requestId);
    return first && answerOf(first, made);
  }

  return append;
}

function answerOf(first: DecisionRow, { actionDigest }: NewDecision): AppendedDecision {
  if (first.action_digest?.equals(actionDigest)) return { kind: "repeat", decision: decisionOf(first) };
  return { kind: "reused", decisionId: formatSequenceId("dec", first.seq) };
}

/** The decision as it is kept: with what a fallback answered in place of what the policy said, if it did. */
function answeredDecision({ decision, answer }: NewDecision): Decision {
  return answer === undefined ? decision : degradedDecision(decision, answer);
}

function takesAnything({ creation, counts }: NewDecision): boolean {
  return creation?.takesRoom === true || counts.length > 0;
}

function countsOf(nowMs: number, { counts }: NewDecision): CountValues[] {
  return counts.map(({ counter: { appId, action, windowMs }, key }) => [appId, action, windowMs, key, bucketStartMs(windowMs, nowMs)]);
}
