// How decisions, what the shadow policy said of them and what was answered instead are written. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { AskedValues } from "../creation-rows.ts";
import type { Creations, FollowedUpValues } from "../creations.ts";
import type { FollowUpRules } from "../storage.ts";
import type { PolicyIds } from "./policy-ids.ts";
import type { Sequence } from "./sequence.ts";
import type { Counts } from "./write-counts.ts";
import type { PreparedPartFollowUps } from "./write-part-follow-ups.ts";
import type { UserSegments } from "./write-user-segments.ts";
import type { CountValues, DecisionValues, WriteOperations } from "./writes.ts";

/** Inserts a decision under a sequence number; false when its app has a decision with its request_id. */
export type InsertDecision = (seq: number, values: DecisionValues) => boolean;

/** How many values a decision has. */
const decisionValueCount: DecisionValues["length"] = 12;

/** Prepares the insertion of decisions. */
export function prepareInsertDecision(db: Database, policyIds: PolicyIds, userSegments: UserSegments): InsertDecision {
  const insert = db.prepare(
    `INSERT INTO decisions
       (seq, app_id, request_id, action_digest, account_id, operator, owner, verdict, policy_id, event_time, decide_time, body, event_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (app_id, request_id) WHERE request_id IS NOT NULL DO NOTHING`,
  );
  return (seq, values) => {
    const [appId, requestId, actionDigest, accountId, operator, owner, verdict, policyVersion, ...rest] = values;
    const digest = actionDigest === null ? null : Buffer.from(actionDigest, "hex");
    const policyId = policyVersion === null ? null : policyIds.idOf(policyVersion);
    const { changes } = insert.run(seq, appId, requestId, digest, accountId, operator, owner, verdict, policyId, ...rest);
    if (changes === 0) return false;
    userSegments.add(seq, [operator, owner]);
    return true;
  };
}

/** Prepares the appending of decisions. */
export function decisionAppender(
  db: Database,
  sequence: Sequence,
  insertDecision: InsertDecision,
  creations: Creations,
  parts: Pick<PreparedPartFollowUps, "ask">,
  counts: Counts,
): WriteOperations["appendDecision"] {
  const findByRequest = db.prepare("SELECT seq FROM decisions WHERE app_id = ? AND request_id = ?").pluck();

  function askParts(seq: number, values: DecisionValues, rules: string, nowMs: number): FollowedUpValues {
    const { 0: appId, 3: accountId, 8: eventTimeMs, 9: decideTimeMs } = values;
    return accountId === null ? [] : parts.ask(seq, appId, accountId, eventTimeMs ?? decideTimeMs ?? nowMs, rules, nowMs);
  }

  return (...args) => {
    const [nowMs, creation, counted, followUp] = args.splice(decisionValueCount) as [number, string | null, string | null, string | null];
    const values = args as unknown as DecisionValues;
    const seq = sequence.next();
    const [appId, requestId] = values;
    if (!insertDecision(seq, values)) return -(findByRequest.get(appId, requestId) as number);
    sequence.use(seq);
    if (counted !== null) for (const count of JSON.parse(counted) as CountValues[]) counts.count(count, nowMs);
    if (followUp !== null) {
      const followedUp = askParts(seq, values, followUp, nowMs);
      return followedUp.length === 0 ? seq : [seq, ...followedUp];
    }
    if (creation === null) return seq;
    const followedUp = creations.ask(seq, appId, JSON.parse(creation) as AskedValues, nowMs);
    return followedUp.length === 0 ? seq : [seq, ...followedUp];
  };
}

/** Prepares the appending of shadow outcomes. */
export function shadowAppender(db: Database, policyIds: PolicyIds): WriteOperations["appendShadow"] {
  const isThere = db.prepare("SELECT 1 FROM decisions WHERE seq = ?").pluck();
  const insert = db.prepare("INSERT INTO shadow_outcomes (seq, policy_id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  return (decisionSeq, version, body) => {
    if (isThere.get(decisionSeq) !== undefined) insert.run(decisionSeq, policyIds.idOf(version), body);
    return 0;
  };
}

/** Prepares the marking of decisions that a fallback answered for. */
export function degradedMarker(
  db: Database,
  creations: Creations,
  parts: Pick<PreparedPartFollowUps, "answer">,
): WriteOperations["markDegraded"] {
  const insert = db.prepare(
    "INSERT INTO degraded_answers (seq, cause, verdict, code, answer_time) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const findApp = db.prepare("SELECT app_id FROM decisions WHERE seq = ?").pluck();
  return (seq, cause, verdict, code, answerTimeMs, creation, followUp) => {
    if (insert.run(seq, cause, verdict, code, answerTimeMs).changes === 0) return 0;
    if (followUp !== null) {
      const followedUp = parts.answer(seq, JSON.parse(followUp) as FollowUpRules, answerTimeMs);
      return followedUp.length === 0 ? 1 : [1, ...followedUp];
    }
    if (creation === null) return 1;
    const followedUp = creations.answer(seq, findApp.get(seq) as number, JSON.parse(creation) as AskedValues, answerTimeMs);
    return followedUp.length === 0 ? 1 : [1, ...followedUp];
  };
}
