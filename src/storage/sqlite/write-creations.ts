// The rows that creations are kept in. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { Standing } from "../creation-rows.ts";
import { type CreationRow, type CreationRows, maxOfStanding } from "../creations.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import { prepareReservedNames } from "./reserved-names.ts";

/** Prepares the reading and writing of the rows. */
export function prepareCreationRows(db: Database): CreationRows {
  const names = prepareReservedNames(db);
  const columns = "standing, seq, ask_time, lapse_time, event_seq, event_time, account_id";
  const ofKey = "app_id = ? AND owner = ? AND name = ? AND operator = ?";
  const selectFew = db.prepare(`SELECT ${columns} FROM creations WHERE ${ofKey} AND standing IN (1, 2, 3, 4, 5) LIMIT ${maxOfStanding}`);
  const selectLatest = db.prepare(
    `SELECT ${columns} FROM creations WHERE ${ofKey} AND standing = ? ORDER BY seq DESC LIMIT ${maxOfStanding}`,
  );
  // Of most owners nothing has happened, which one search tells; the other one takes two.
  const ownerHasEvents = db.prepare("SELECT 1 FROM creations WHERE app_id = ? AND owner = ? AND standing >= 4 LIMIT 1").pluck();
  const hasEvents = db.prepare(`SELECT 1 FROM creations WHERE ${ofKey} AND standing IN (4, 5) LIMIT 1`).pluck();
  const insert = db.prepare(`INSERT INTO creations (app_id, owner, name, operator, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const remove = db.prepare(`DELETE FROM creations WHERE ${ofKey} AND standing = ? AND seq = ?`);
  const note = db.prepare(
    `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
       follow_up_time = excluded.follow_up_time`,
  );
  const forget = db.prepare("DELETE FROM follow_ups WHERE decision_seq = ?");
  const noteOfEvent = db.prepare("UPDATE events SET follow_up = ?, decision_seq = ? WHERE seq = ?");
  return {
    rowsOf({ appId, owner, name, operator }) {
      const few = selectFew.all(appId, owner, name, operator) as CreationRow[];
      if (few.length < maxOfStanding) return few;
      return Object.values(Standing).flatMap((standing) => selectLatest.all(appId, owner, name, operator, standing) as CreationRow[]);
    },
    hasEvents: ({ appId, owner, name, operator }) =>
      ownerHasEvents.get(appId, owner) !== undefined && hasEvents.get(appId, owner, name, operator) !== undefined,
    insert({ appId, owner, name, operator }, row) {
      const { standing, seq, ask_time, lapse_time, event_seq, event_time, account_id } = row;
      insert.run(appId, owner, name, operator, standing, seq, ask_time, lapse_time, event_seq, event_time, account_id);
    },
    remove({ appId, owner, name, operator }, standing, seq) {
      remove.run(appId, owner, name, operator, standing, seq);
    },
    reserveName: names.reserve,
    releaseName: names.release,
    note(decisionSeq, followUp, eventSeq, nowMs) {
      note.run(decisionSeq, followUp, eventSeq, nowMs);
    },
    forget(decisionSeq) {
      forget.run(decisionSeq);
    },
    noteOfEvent(eventSeq, followUp, decisionSeq) {
      noteOfEvent.run(followUp, decisionSeq, eventSeq);
    },
    decisionId: (seq) => formatSequenceId("dec", seq),
  };
}
