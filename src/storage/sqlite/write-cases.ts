// How cases are opened and closed. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { CaseSubject, FollowUpCases } from "../creations.ts";
import type { Sequence } from "./sequence.ts";
import type { WriteOperations } from "./writes.ts";

/** Who closes a case that has proved wrong. */
const self = "gatehouse";

/** Prepares the writing of cases. */
export function prepareCases(db: Database, sequence: Sequence): FollowUpCases & Pick<WriteOperations, "openCase" | "closeCase"> {
  const insert = db.prepare(
    "INSERT INTO cases (seq, app_id, kind, decision_seq, event_seq, account_id, user, open_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const end = db.prepare("UPDATE cases SET close_time = ?, closed_by = ?, close_reason = ? WHERE seq = ? AND close_time IS NULL");
  const insertClosing = db.prepare(
    "INSERT INTO case_closings (seq, case_seq, app_id, account_id) SELECT ?, seq, app_id, account_id FROM cases WHERE seq = ?",
  );
  const findKind = db.prepare("SELECT kind FROM cases WHERE seq = ?").pluck();
  const findOpenOfEvent = db.prepare("SELECT seq FROM cases WHERE event_seq = ? AND kind = ? AND close_time IS NULL").pluck();
  const findOfDecision = db.prepare("SELECT seq FROM cases WHERE decision_seq = ? AND kind = ? AND event_seq IS ?").pluck();
  const findOfEvent = db.prepare("SELECT seq FROM cases WHERE event_seq = ? AND kind = ? AND decision_seq IS NULL").pluck();
  const countOpen = db.prepare(
    "INSERT INTO open_case_counts (kind, count) VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
  );

  function open({ appId, kind, decisionSeq, eventSeq, accountId, user }: CaseSubject, nowMs: number): number {
    const seq = sequence.next();
    insert.run(seq, appId, kind, decisionSeq, eventSeq, accountId, user, nowMs);
    sequence.use(seq);
    countOpen.run(kind, 1);
    return seq;
  }

  function close(caseSeq: number, author: string, reason: string, nowMs: number): void {
    if (end.run(nowMs, author, reason, caseSeq).changes === 0) return;
    const seq = sequence.next();
    insertClosing.run(seq, caseSeq);
    sequence.use(seq);
    countOpen.run(findKind.get(caseSeq), -1);
  }

  return {
    open,
    closeOfEvent(kind, eventSeq, reason, nowMs) {
      for (const caseSeq of findOpenOfEvent.all(eventSeq, kind) as number[]) close(caseSeq, self, reason, nowMs);
    },
    openCase(appId, kind, decisionSeq, eventSeq, accountId, user, nowMs) {
      const earlier = decisionSeq === null ? findOfEvent.get(eventSeq, kind) : findOfDecision.get(decisionSeq, kind, eventSeq);
      if (earlier !== undefined) return -(earlier as number);
      return open({ appId, kind, decisionSeq, eventSeq, accountId, user }, nowMs);
    },
    closeCase(caseSeq, author, reason, nowMs) {
      close(caseSeq, author, reason, nowMs);
      return 0;
    },
  };
}
