// How each write changes the database. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { type AccountChange, applyChange } from "../account-merge.ts";
import { type AccountRow, recordOfRow, selectAccount, upsertAccount, valuesOfRecord } from "./account-rows.ts";
import type { WriteOperations } from "./writes.ts";

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
  return {
    run: {
      appendDecision: decisionAppender(db, sequence, policyIds),
      appendEvent: eventAppender(db, sequence),
      ...listOperations(db),
      makePolicyLive: policyPublisher(db, policyIds),
      check: checker(db),
    },
    forget() {
      sequence.forget();
      policyIds.forget();
    },
  };
}

/** The one sequence of decisions and events. A number counts as used when `use` was called with it. */
interface Sequence {
  next(): number;
  use(seq: number): void;
  forget(): void;
}

function createSequence(db: Database): Sequence {
  const highest = db
    .prepare("SELECT max(coalesce((SELECT max(seq) FROM decisions), 0), coalesce((SELECT max(seq) FROM events), 0))")
    .pluck();
  let last = highest.get() as number;
  return {
    next: () => last + 1,
    use(seq) {
      last = seq;
    },
    forget() {
      last = highest.get() as number;
    },
  };
}

/** The ids of policies by version; a version that was never live gets a row without a text. */
interface PolicyIds {
  idOf(version: string): number;
  forget(): void;
}

function createPolicyIds(db: Database): PolicyIds {
  const select = db.prepare("SELECT policy_id FROM policies WHERE version = ?").pluck();
  const insert = db.prepare("INSERT INTO policies (version) VALUES (?)");
  const known = new Map<string, number>();
  return {
    idOf(version) {
      const cached = known.get(version);
      if (cached !== undefined) return cached;
      const id = (select.get(version) as number | undefined) ?? Number(insert.run(version).lastInsertRowid);
      known.set(version, id);
      return id;
    },
    forget() {
      known.clear();
    },
  };
}

function decisionAppender(db: Database, sequence: Sequence, policyIds: PolicyIds): WriteOperations["appendDecision"] {
  const insert = db.prepare(
    `INSERT INTO decisions
       (seq, app_id, request_id, action_digest, account_id, operator, owner, verdict, policy_id, event_time, decide_time, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (app_id, request_id) WHERE request_id IS NOT NULL DO NOTHING`,
  );
  const findByRequest = db.prepare("SELECT seq FROM decisions WHERE app_id = ? AND request_id = ?").pluck();
  return (appId, requestId, actionDigest, accountId, operator, owner, verdict, policyVersion, eventTimeMs, decideTimeMs, body) => {
    const seq = sequence.next();
    const digest = actionDigest === null ? null : Buffer.from(actionDigest, "hex");
    const policyId = policyVersion === null ? null : policyIds.idOf(policyVersion);
    const { changes } = insert.run(
      seq,
      appId,
      requestId,
      digest,
      accountId,
      operator,
      owner,
      verdict,
      policyId,
      eventTimeMs,
      decideTimeMs,
      body,
    );
    if (changes === 0) return -(findByRequest.get(appId, requestId) as number);
    sequence.use(seq);
    return seq;
  };
}

function eventAppender(db: Database, sequence: Sequence): WriteOperations["appendEvent"] {
  const insert = db.prepare(
    `INSERT INTO events (seq, app_id, account_id, digest, event_time, receive_time, body)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
  );
  const findByDigest = db.prepare("SELECT seq FROM events WHERE digest = ?").pluck();
  const findAccount = db.prepare(`${selectAccount} WHERE app_id = ? AND account_id = ?`);
  const saveAccount = db.prepare(upsertAccount);
  return (appId, accountId, digestHex, eventTimeMs, receiveTimeMs, body, change) => {
    const seq = sequence.next();
    const digest = Buffer.from(digestHex, "hex");
    if (insert.run(seq, appId, accountId, digest, eventTimeMs, receiveTimeMs, body).changes === 0) {
      return -(findByDigest.get(digest) as number);
    }
    if (accountId !== null && change !== null) {
      const row = findAccount.get(appId, accountId) as AccountRow | undefined;
      const record = applyChange(row === undefined ? undefined : recordOfRow(row), JSON.parse(change) as AccountChange);
      saveAccount.run(appId, accountId, ...valuesOfRecord(record));
    }
    sequence.use(seq);
    return seq;
  };
}

function listOperations(db: Database): Pick<WriteOperations, "addEntries" | "removeEntries"> {
  const findList = db.prepare("SELECT list_id FROM lists WHERE name = ?").pluck();
  const insert = db.prepare("INSERT INTO list_entries (list_id, value, reason, create_time) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
  const changeReason = db.prepare("UPDATE list_entries SET reason = ? WHERE list_id = ? AND value = ?");
  const remove = db.prepare("DELETE FROM list_entries WHERE list_id = ? AND value = ?");
  return {
    addEntries(list, entries) {
      const listId = findList.get(list) as number | undefined;
      if (listId === undefined) return -1;
      let count = 0;
      for (const [value, reason, createTimeMs] of JSON.parse(entries) as [string, string, number][]) {
        const added = insert.run(listId, value, reason, createTimeMs).changes;
        if (added === 0) changeReason.run(reason, listId, value);
        count += added;
      }
      return count;
    },
    removeEntries(list, values) {
      const listId = findList.get(list) as number | undefined;
      if (listId === undefined) return -1;
      let count = 0;
      for (const value of JSON.parse(values) as string[]) count += remove.run(listId, value).changes;
      return count;
    },
  };
}

function policyPublisher(db: Database, policyIds: PolicyIds): WriteOperations["makePolicyLive"] {
  const keepText = db.prepare("UPDATE policies SET text = ? WHERE policy_id = ? AND text IS NULL");
  const makeList = db.prepare("INSERT INTO lists (name) VALUES (?) ON CONFLICT DO NOTHING");
  const pointAt = db.prepare(
    `INSERT INTO live_policy (one, policy_id) VALUES (1, ?)
     ON CONFLICT DO UPDATE SET policy_id = excluded.policy_id`,
  );
  return (version, text, lists) => {
    const policyId = policyIds.idOf(version);
    keepText.run(text, policyId);
    for (const name of JSON.parse(lists) as string[]) makeList.run(name);
    pointAt.run(policyId);
    return 0;
  };
}

function checker(db: Database): WriteOperations["check"] {
  const count = db.prepare("UPDATE checks SET count = count + 1");
  return () => {
    count.run();
    return 0;
  };
}
