// Moving stores between SQLite and PostgreSQL: every row, both ways.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { CaseKind, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { openMove } from "../../src/open-move.ts";
import { copySnapshot, findDifferences, type MovedReader, type MovePass } from "../../src/storage/move.ts";
import { createMoveMemory } from "../../src/storage/move-memory.ts";
import { movedTables } from "../../src/storage/moved-tables.ts";
import { openPostgresStore } from "../../src/storage/postgres/postgres-store.ts";
import { inspectDatabase } from "../../src/storage/sqlite/inspect-database.ts";
import { migrate } from "../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../src/storage/storage.ts";
import { type PostgresServer, startPostgres } from "../postgres-server.ts";
import { append, appendEvent } from "./conformance/opened-store.ts";
import { answersOf, fill } from "./filled-store.ts";
import { added, ask, asked, casesOf, follow, none, outcome, say, sweep } from "./parts.ts";
import { appId, baseMs, createdEvent, followUpRules, messageEvent, sampleDecision, subscribersEvent } from "./samples.ts";

let server: PostgresServer;
let folder: string;
let database: string;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-move-"));
  database = join(folder, "gatehouse.db");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

async function withStore<T>(at: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await (at.startsWith("postgres:") ? openPostgresStore({ url: at }) : openSqliteStore({ path: at }));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Moves all of it; both services are stopped. */
async function move(from: string, to: string): Promise<MovePass> {
  await using both = await openMove({ from, to, isCompared: false });
  const snapshot = await both.source.snapshot();
  expect(snapshot.isLast).toBe(true);
  const pass = await copySnapshot(snapshot, both.target, () => {});
  await both.target.complete(await snapshot.givenNumbers());
  await snapshot.end();
  return pass;
}

/** Compares only. */
async function differences(from: string, to: string): Promise<string[]> {
  await using both = await openMove({ from, to, isCompared: true });
  const snapshot = await both.source.snapshot();
  return await findDifferences(snapshot, both.target, () => {});
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function change(path: string, sql: string): void {
  new Database(path).exec(sql).close();
}

/** What no call of the contract leaves behind at once. */
const leftovers = `
  INSERT INTO restores VALUES (1000, 70000, 5);
  UPDATE feed SET earliest = 3;
  INSERT INTO retention_walks VALUES ('allowedDecisions', 4);
  INSERT INTO retention_left VALUES ('allowedDecisions', 2), ('accountEvents', 3);
  UPDATE erasures SET place = 'decisions', place_key = '[3]', found = '{"decisions":2}';
  UPDATE sqlite_sequence SET seq = 500 WHERE name IN ('audit_entries', 'erasures');`;

/** The rows of all tables but those that may be numbered or cut otherwise; the digests of counts were compared before. */
function rowsOf(path: string): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").pluck().all();
  const tables = (names as string[]).filter(
    (name) => !["checks", "user_segments", "user_parts", "rate_counters", "rate_buckets"].includes(name),
  );
  const rows = Object.fromEntries(tables.map((name) => [name, db.prepare(`SELECT * FROM ${name}`).all()]));
  const given = db.prepare("SELECT name, seq FROM sqlite_sequence ORDER BY name").all();
  db.close();
  return { ...rows, given };
}

describe("a move", () => {
  it("to PostgreSQL and back leaves every row of every table as it was", async () => {
    await withStore(database, fill);
    change(database, leftovers);
    const url = await server.takeDatabase();
    const there = await move(database, url);
    const empty = Object.entries(there).filter(([, { rows }]) => rows === 0);
    expect(empty).toEqual([]);
    expect(await differences(database, url)).toEqual([]);
    const again = join(folder, "again.db");
    const back = await move(url, again);
    expect(Object.entries(back).map(([table, { rows, digest }]) => [table, rows, digest])).toEqual(
      Object.entries(there).map(([table, { rows, digest }]) => [table, rows, digest]),
    );
    // The walk of an erasure begins anew.
    change(database, "UPDATE erasures SET place = '', place_key = NULL");
    expect(rowsOf(again)).toEqual(rowsOf(database));
  });

  it("leaves every answer as it was", async () => {
    const before = await withStore(database, async (store) => {
      await fill(store);
      return answersOf(store);
    });
    const url = await server.takeDatabase();
    await move(database, url);
    expect(await withStore(url, answersOf)).toEqual(before);
    const again = join(folder, "again.db");
    await move(url, again);
    expect(await withStore(again, answersOf)).toEqual(before);
  });

  it("lets all numbers go on after those that were given", async () => {
    await withStore(database, fill);
    change(database, leftovers);
    const url = await server.takeDatabase();
    await move(database, url);
    const moved = await withStore(url, async (store) => {
      expect(await store.latestPosition()).toBe(70_000);
      expect(await store.earliestPosition()).toBe(3);
      expect(await store.partingBefore(1001)).toBe(1000);
      expect(await store.partingBefore(1000)).toBeUndefined();
      expect((await store.readChanges(1000, {}, 10)).next).toBe(70_000);
      return await newIds(store, "there");
    });
    expect(moved).toEqual({ decision: "dec-000000011171", audit: "aud-0000000001f5", erasure: "era-0000000001f5" });
    const again = join(folder, "again.db");
    await move(url, again);
    const back = await withStore(again, (store) => newIds(store, "back"));
    expect(back).toEqual({ decision: "dec-000000011172", audit: "aud-0000000001f6", erasure: "era-0000000001f6" });
  });

  it("gives quotas that were full before no room", async () => {
    await withStore(database, async (store) => {
      for (let i = 0; i < 4; i += 1) await appendEvent(store, createdEvent(`a${i}`, baseMs, { owner: "zoe" }));
    });
    const url = await server.takeDatabase();
    await move(database, url);
    expect(await withStore(url, async (store) => store.withFacts(baseMs, (facts) => facts.liveAccounts(appId, "zoe")))).toBe(4);
  });

  it("goes on with what is followed up of subscriptions and messages, both ways", async () => {
    const known = async (store: Store, id: string) => (await store.getDecision(id))?.subscriberFollowUps.map(({ followUp }) => followUp);
    const { CONFIRMED, ABANDONED } = FollowUp;
    const [first, late] = await withStore(database, async (store) => {
      const decisionId = await ask(store, ["s", "t", "u"]);
      await follow(store, added(["s"], 5));
      await ask(store, ["left"], { account: "b" });
      expect((await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep)).abandoned).toEqual({ ...none, addSubscribers: 1 });
      return [decisionId, (await follow(store, added(["late"], 6))).eventId];
    });
    const url = await server.takeDatabase();
    await move(database, url);
    const [second, third] = await withStore(url, async (store) => {
      expect(await known(store, first)).toEqual([CONFIRMED, ABANDONED, ABANDONED]);
      expect(await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep)).toEqual({ abandoned: none, done: true });
      expect(await outcome(store, added(["t"], 7))).toBe(CONFIRMED);
      expect((await asked(store, ["late"])).followedUp).toMatchObject([{ followUp: CONFIRMED, eventId: late }]);
      const decisionId = await ask(store, ["x", "y"]);
      await follow(store, added(["x"], 8));
      const left = await say(store, "left");
      expect((await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep)).abandoned).toEqual({ ...none, sendMessage: 1 });
      return [decisionId, left];
    });
    const again = join(folder, "again.db");
    await move(url, again);
    await withStore(again, async (store) => {
      expect(await known(store, first)).toEqual([CONFIRMED, CONFIRMED, ABANDONED]);
      expect(await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep)).toEqual({ abandoned: none, done: true });
      expect(await outcome(store, added(["y"], 9))).toBe(CONFIRMED);
      expect(await known(store, second)).toEqual([CONFIRMED, CONFIRMED]);
      expect(await outcome(store, messageEvent("a", "k", baseMs + 9, "left"))).toBe(CONFIRMED);
      expect(await store.getDecision(third)).toMatchObject({ followUp: CONFIRMED });
      expect(await casesOf(store)).toMatchObject([[CaseKind.BYPASS, CaseState.CLOSED, "op"]]);
    });
  });

  it("copies only what has changed when it is done again, whatever has changed", async () => {
    await withStore(database, fill);
    const url = await server.takeDatabase();
    {
      await using both = await openMove({ from: database, to: url, isCompared: false });
      const snapshot = await both.source.snapshot();
      await copySnapshot(snapshot, both.target, () => {});
      await snapshot.end();
    }
    await withStore(database, async (store) => {
      await append(store, sampleDecision({ requestId: "new" }));
      await appendEvent(store, subscribersEvent("added", "account a", baseMs + 1000, ["new"]));
    });
    change(database, "DELETE FROM decisions WHERE seq = 6; UPDATE events SET body = replace(body, 'zoe', 'erased') WHERE seq < 100");
    const pass = await move(database, url);
    expect(pass.decisions?.changed).toBe(1);
    expect(pass.policies?.changed).toBe(0);
    expect(pass.accounts?.changed).toBe(1);
    expect(await differences(database, url)).toEqual([]);
    // Who is named follows the events.
    expect(await query(url, `SELECT 1 FROM event_users WHERE "user" = 'erased'`)).not.toEqual([]);
    expect(
      await query(url, `SELECT 1 FROM event_users u JOIN events e USING (seq) WHERE "user" = 'zoe' AND body NOT LIKE '%zoe%'`),
    ).toEqual([]);
  });

  it("moves more rows than are compared at once", async () => {
    await withStore(database, async () => {});
    change(
      database,
      `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9000)
       INSERT INTO accounts (app_id, account_id, owner, name, introduction, face_url, organization, state, created, stamps)
         SELECT 1400000000, 'account ' || value, 'o' || (value % 7), 'n', '', '', '', 1, 1, '{}' FROM n`,
    );
    const url = await server.takeDatabase();
    await move(database, url);
    expect(await query(url, "SELECT count(*)::int AS n FROM accounts")).toEqual([{ n: 9000 }]);
  });
});

describe("a process that copies again and again", () => {
  /** Rows enough for several stretches, in both logs. */
  async function fillMuch(): Promise<void> {
    await withStore(database, fill);
    change(
      database,
      `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9000)
       INSERT INTO decisions (seq, app_id, operator, verdict, decide_time, body)
         SELECT 1000 + value, 1400000000, 'ann', 1, 1, '{"createAccount":{"operator":"ann","name":"n"}}' FROM n;
       WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9000)
       INSERT INTO events (seq, app_id, account_id, digest, receive_time, body)
         SELECT 20000 + value, 1400000000, 'x', CAST('d' || value AS BLOB), 1, '{"accountFull":{"accountId":"x","operator":"gone"}}' FROM n;
       DELETE FROM creations`,
    );
  }

  /** Copies, changes the source, copies again and compares. Results in how many stretches of decisions were read the second time. */
  async function copyTwice(to: string, changeSource: () => Promise<unknown>, from = database): Promise<number> {
    await using both = await openMove({ from, to, isCompared: false });
    const memory = createMoveMemory();
    const first = await both.source.snapshot();
    await copySnapshot(first, both.target, () => {}, memory);
    await first.end();
    await changeSource();
    const second = await both.source.snapshot();
    let read = 0;
    const counting: MovedReader["digest"] = (table, from, to) => {
      if (table.name === "decisions") read += 1;
      return second.digest(table, from, to);
    };
    await copySnapshot({ ...second, digest: counting }, both.target, () => {}, memory);
    expect(await findDifferences(second, both.target, () => {})).toEqual([]);
    await second.end();
    return read;
  }

  it("keeps found who is named, in SQLite", async () => {
    await fillMuch();
    const url = await server.takeDatabase();
    await move(database, url);
    const again = join(folder, "again.db");
    {
      await using both = await openMove({ from: url, to: again, isCompared: false });
      const memory = createMoveMemory();
      for (const changed of [true, false]) {
        const snapshot = await both.source.snapshot();
        const pass = await copySnapshot(snapshot, both.target, () => {}, memory);
        await snapshot.end();
        expect(Object.values(pass).some((table) => table.changed > 0)).toBe(changed);
      }
    }
    await query(url, "UPDATE decisions SET operator = 'renamed' WHERE seq = 1100");
    await move(url, again);
    expect(inspectDatabase(again)).toMatchObject({ problems: [], rows: { user_segments: 4 } });
    const named = await withStore(again, (store) => store.listTimeline({ appId, user: "renamed" }, { size: 10 }));
    expect(named.items).toMatchObject([{ decision: { decisionId: "dec-00000000044c" } }]);
  });

  it("reads of the logs only what can have changed", async () => {
    await fillMuch();
    const read = await copyTwice(await server.takeDatabase(), async () => {
      change(database, "INSERT INTO decisions (seq, app_id, verdict, body) VALUES (50000, 1400000000, 1, '{}')");
    });
    expect(read).toBe(1);
  });

  it("finds what retention has deleted", async () => {
    await fillMuch();
    const read = await copyTwice(await server.takeDatabase(), async () => {
      change(database, "DELETE FROM decisions WHERE seq BETWEEN 1100 AND 1500; UPDATE feed SET earliest = 1500");
    });
    expect(read).toBeGreaterThan(1);
  });

  it("finds what erasures have changed", async () => {
    await fillMuch();
    const read = await copyTwice(await server.takeDatabase(), async () => {
      change(database, `UPDATE decisions SET operator = 'erased' WHERE seq = 9000; UPDATE erasures SET found = '{"decisions":1}'`);
    });
    expect(read).toBeGreaterThan(4);
  });

  it("finds events that were joined with what was decided later", async () => {
    await fillMuch();
    change(database, "INSERT INTO creations VALUES (1400000000, 'o', 4, 'n', '', 20500, NULL, NULL, 20500, 1, 'x')");
    const url = await server.takeDatabase();
    await copyTwice(url, async () =>
      change(database, "UPDATE events SET follow_up = 1, decision_seq = 1001 WHERE seq = 20500; DELETE FROM creations"),
    );
    expect(await query(url, "SELECT follow_up FROM events WHERE seq = 20500")).toEqual([{ follow_up: 1 }]);
  });

  describe.each(["SQLite", "PostgreSQL"])("from %s", (kind) => {
    /** Something to follow up, with much after it, where the service runs on; and where it is copied to. */
    async function run(use: (store: Store, from: string, to: string) => Promise<void>, tell: (store: Store) => Promise<unknown>) {
      await withStore(database, tell);
      await fillMuch();
      const url = await server.takeDatabase();
      if (kind === "PostgreSQL") await move(database, url);
      const [from, to] = kind === "PostgreSQL" ? [url, join(folder, "again.db")] : [database, url];
      await withStore(from, (store) => use(store, from, to));
    }

    it("finds events that were joined with a decision on subscribers which was recorded later", () =>
      run(
        (store, from, to) => copyTwice(to, () => ask(store, ["late"]), from).then(() => {}),
        (store) => follow(store, added(["late"], 5)),
      ));

    it("finds events that have become leaks by what a fallback has answered", () => {
      let decisionId = "";
      const denied = { cause: DegradedCause.DEADLINE, verdict: Verdict.DENY, code: 1, answerTimeMs: baseMs + 9 };
      return run(
        (store, from, to) => copyTwice(to, () => store.markDegraded(decisionId, denied, undefined, followUpRules), from).then(() => {}),
        async (store) => {
          decisionId = await ask(store, ["refused", "allowed"], { refused: ["refused"] });
          await follow(store, added(["refused"], 5));
          expect(await outcome(store, added(["allowed"], 6))).toBe(FollowUp.CONFIRMED);
        },
      );
    });
  });
});

async function newIds(store: Store, user: string) {
  return {
    decision: await append(store, sampleDecision()),
    audit: await store.beginAuditEntry({
      ...{
        principal: { kind: 1, id: "", name: "" },
        method: "m",
        appId: 0,
        target: "",
        requestJson: "{}",
        beforeJson: "",
        beginTimeMs: baseMs,
      },
    }),
    erasure: await store.beginErasure({ appId, user, pseudonym: "p", isPreview: true, withLists: false, beginTimeMs: baseMs }),
  };
}

describe("the tables that are moved", () => {
  /** Columns that are made of others, or are about one database alone. */
  const notMoved = {
    sqlite: [
      "checks.*",
      "feed.*",
      "rate_counters.*",
      "user_segments.*",
      "user_parts.*",
      "rate_buckets.counter_id",
      "erasures.place",
      "erasures.place_key",
    ],
    postgres: [
      ...["gatehouse_schema.*", "log_head.*", "committers.*", "event_users.*", "decisions.is_plain", "events.class", "lists.version"],
      ...["rate_buckets.past_time", "erasures.place", "erasures.place_key"],
    ],
  };
  const moved = movedTables.flatMap(({ name, columns }) => Object.keys(columns).map((column) => `${name}.${column}`));

  function expectAll(columns: readonly string[], except: readonly string[], elsewhere: readonly string[] = []): void {
    const isExcepted = (column: string) => except.includes(column) || except.includes(`${column.split(".")[0]}.*`);
    expect(columns.filter((column) => !isExcepted(column)).toSorted()).toEqual(
      moved.filter((column) => !elsewhere.includes(column)).toSorted(),
    );
  }

  it("are all those of SQLite, with all columns", () => {
    const db = new Database(":memory:");
    migrate(db);
    const columns = db
      .prepare(
        "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
      )
      .pluck()
      .all() as string[];
    db.close();
    // What a bucket counts is in the table of counters.
    expectAll(columns, notMoved.sqlite, ["rate_buckets.app_id", "rate_buckets.action", "rate_buckets.window_ms"]);
  });

  it("are all those of PostgreSQL, with all columns", async () => {
    const url = await server.takeDatabase();
    await withStore(url, async () => {});
    const rows = await query(
      url,
      "SELECT table_name || '.' || column_name AS c FROM information_schema.columns WHERE table_schema = 'public'",
    );
    expectAll(
      rows.map(({ c }) => String(c)),
      notMoved.postgres,
    );
  });
});
