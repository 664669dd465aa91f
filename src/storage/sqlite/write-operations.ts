// How each write changes the database. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { createCreations } from "../creations.ts";
import { createPolicyIds } from "./policy-ids.ts";
import { createSequence } from "./sequence.ts";
import { auditOperations } from "./write-audit.ts";
import { prepareCases } from "./write-cases.ts";
import { prepareCounts } from "./write-counts.ts";
import { prepareCreationRows } from "./write-creations.ts";
import { decisionAppender, degradedMarker, prepareInsertDecision, shadowAppender } from "./write-decisions.ts";
import { erasureOperations } from "./write-erasures.ts";
import { eventAppender } from "./write-events.ts";
import { followUpSweeper } from "./write-follow-up-sweep.ts";
import { keyOperations } from "./write-keys.ts";
import { listOperations } from "./write-lists.ts";
import { preparePartFollowUps } from "./write-part-follow-ups.ts";
import { partSweeper } from "./write-part-sweep.ts";
import { policyOperations } from "./write-policies.ts";
import { oldDeleter } from "./write-retention.ts";
import { prepareUserSegments } from "./write-user-segments.ts";
import type { WriteArguments, WriteOperations } from "./writes.ts";

/** The operations, and what they remember between transactions. */
export interface Operations {
  run: WriteOperations;
  /** Forgets what a transaction has led it to remember; to be called when that was rolled back. */
  forget(): void;
}

/** Prepares the operations on a connection. */
export function prepareOperations(db: Database): Operations {
  const sequence = createSequence(db);
  const policyIds = createPolicyIds(db);
  const counts = prepareCounts(db);
  const { open, closeOfEvent, openCase, closeCase } = prepareCases(db, sequence);
  const creations = createCreations(prepareCreationRows(db), { open, closeOfEvent });
  const parts = preparePartFollowUps(db, { open, closeOfEvent });
  const userSegments = prepareUserSegments(db);
  const insertDecision = prepareInsertDecision(db, policyIds, userSegments);
  const appendEvent = eventAppender(db, sequence, insertDecision, creations, parts, userSegments);
  return {
    run: {
      appendDecision: decisionAppender(db, sequence, insertDecision, creations, parts, counts),
      appendEvent,
      appendEvents: (events) => (JSON.parse(events) as WriteArguments["appendEvent"][]).map((values) => appendEvent(...values)),
      appendShadow: shadowAppender(db, policyIds),
      markDegraded: degradedMarker(db, creations, parts),
      sweepFollowUps: bothSweepers(db),
      openCase,
      closeCase,
      ...listOperations(db, sequence),
      ...policyOperations(db, sequence, policyIds),
      ...keyOperations(db),
      ...auditOperations(db),
      deleteOld: oldDeleter(db, userSegments),
      ...erasureOperations(db, userSegments),
      check: checker(db),
    },
    forget() {
      sequence.forget();
      policyIds.forget();
      counts.forget();
      userSegments.forget();
    },
  };
}

/** The sweeps of creations, and of subscriptions and messages. */
function bothSweepers(db: Database): WriteOperations["sweepFollowUps"] {
  const sweepCreations = followUpSweeper(db);
  const sweepParts = partSweeper(db);
  return (nowMs, reservationMs, keepMs) => {
    const [creations, isDone] = sweepCreations(nowMs, reservationMs, keepMs);
    const parts = sweepParts(nowMs, reservationMs);
    return [creations, parts.addSubscribers, parts.sendMessage, isDone === 1 && parts.isDone ? 1 : 0];
  };
}

function checker(db: Database): WriteOperations["check"] {
  const count = db.prepare("UPDATE checks SET count = count + 1");
  return () => {
    count.run();
    return 0;
  };
}
