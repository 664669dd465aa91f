// How the registry of accounts is written: what events say, and what comes of it. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { type AccountChangeRow, inStampOrder, insertChange, selectChange, valuesOfWrites, writesOfRow } from "../account-change-rows.ts";
import { type AccountChange, type AccountRecord, applyChange, formerOwners, isLatest } from "../account-merge.ts";
import { countRevisions, nextRevision, saidFields } from "../account-revisions.ts";
import { type AccountRow, recordOfRow, selectAccount, updateUnsearched, upsertAccount, valuesOfRecord } from "../account-rows.ts";

/** Applies to the registry what the event with this sequence number says of its account. */
export type ApplyAccountChange = (
  seq: number,
  appId: number,
  accountId: string,
  receiveTimeMs: number | null,
  change: AccountChange,
) => void;

/** Prepares the writing of the registry. */
export function prepareAccounts(db: Database): ApplyAccountChange {
  const find = db.prepare(`${selectAccount} WHERE app_id = ? AND account_id = ?`);
  const saveChange = db.prepare(insertChange);
  const changesOf = db.prepare(`${selectChange} WHERE app_id = ? AND account_id = ? ${inStampOrder}`);
  const saveFormerOwner = db.prepare("INSERT INTO account_owners (app_id, owner, account_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const save = prepareSave(db);

  /** The number of the current revision after the change, which is written. Only a change that comes late makes all of them be counted. */
  function revisionAfter(appId: number, accountId: string, revision: number, before: AccountRecord | undefined, change: AccountChange) {
    if (isLatest(change, before)) return nextRevision(revision, saidFields(before), change.writes);
    return countRevisions((changesOf.all(appId, accountId) as AccountChangeRow[]).map(writesOfRow));
  }

  return (seq, appId, accountId, receiveTimeMs, change) => {
    const row = find.get(appId, accountId) as AccountRow | undefined;
    const before = row && recordOfRow(row);
    const { stamp, eventTimeMs, operator, writes } = change;
    let revision: number | undefined;
    if (Object.keys(writes).length > 0) {
      const [timeMs, rank, digest] = stamp;
      const place = [appId, accountId, timeMs, rank, Buffer.from(digest, "hex")];
      saveChange.run(...place, seq, eventTimeMs === null ? 0 : 1, receiveTimeMs, operator, ...valuesOfWrites(writes));
      revision = revisionAfter(appId, accountId, row?.revision ?? 0, before, change);
    }
    const after = applyChange(before, change);
    for (const owner of formerOwners(before, change, after)) saveFormerOwner.run(appId, owner, accountId);
    save(appId, accountId, before, after, revision);
  };
}

/**
 * Writes an account; of one that is there only what can have changed, because each column that is named makes its indexes be written anew. The
 * revision is undefined when the event said nothing of the fields.
 */
function prepareSave(db: Database) {
  const saveAll = db.prepare(upsertAccount);
  const saveUnsearched = db.prepare(updateUnsearched);
  const saveTimes = db.prepare(
    "UPDATE accounts SET first_event_time = ?, last_event_time = ?, full_time = ? WHERE app_id = ? AND account_id = ?",
  );
  return (
    appId: number,
    accountId: string,
    before: AccountRecord | undefined,
    after: AccountRecord,
    revision: number | undefined,
  ): void => {
    const { fields, created, firstEventMs, lastEventMs, fullMs, stamps } = after;
    if (before === undefined || isSearchedChanged(before, after)) {
      saveAll.run(appId, accountId, ...valuesOfRecord(after), revision ?? 0);
    } else if (revision !== undefined) {
      const texts = [fields.introduction, fields.faceUrl, fields.organization];
      saveUnsearched.run(...texts, created ? 1 : 0, firstEventMs, lastEventMs, JSON.stringify(stamps), revision, appId, accountId);
    } else if (before.firstEventMs !== firstEventMs || before.lastEventMs !== lastEventMs || before.fullMs !== fullMs) {
      saveTimes.run(firstEventMs, lastEventMs, fullMs, appId, accountId);
    }
  };
}

function isSearchedChanged(before: AccountRecord, after: AccountRecord): boolean {
  const { owner, name, state } = before.fields;
  return owner !== after.fields.owner || name !== after.fields.name || state !== after.fields.state;
}
