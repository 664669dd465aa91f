// `gatehouse migrate`, between the files of a real service and a real PostgreSQL server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import Database from "better-sqlite3";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { type PostgresServer, startPostgres } from "../postgres-server.ts";
import { gatehouse } from "./harness.ts";

const policy = `
name: moved
lists: { banned: {} }
default: { create_account: allow, add_subscribers: allow }
rules:
  - { id: banned, on: [create_account], when: 'inList(owner, "banned")', then: { deny: { code: 120001 } } }
  - { id: quota, on: [create_account], when: liveAccounts(owner) >= 3, then: { deny: { code: 120003 } } }
`;

let server: PostgresServer;
let folder: string;
let database: string;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-migrate-"));
  database = join(folder, "gatehouse.db");
  url = await server.takeDatabase();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

/** The service on a database, which stays when it stops. */
async function withService<T>(at: string, use: (service: TestGatehouse) => Promise<T>): Promise<T> {
  const service = await startGatehouse({ policy, folder, env: { GATEHOUSE_DATABASE: at } });
  try {
    return await use(service);
  } finally {
    await service.server.stop(1000);
  }
}

const migrate = (from: string, to: string, ...flags: string[]) => gatehouse(["migrate", "--from", from, "--to", to, ...flags]);

async function create(service: TestGatehouse, owner: string, name: string) {
  const { decision } = await createClient(ModerationService, service.server.localDoor).decide({
    ...{ appId: testApp, requestId: `request ${name}` },
    action: { case: "createAccount", value: { operator: owner, owner, name } },
  });
  return decision;
}

/** Decisions, events, list edits and a key. */
async function use(service: TestGatehouse): Promise<void> {
  const door = service.server.localDoor;
  for (const name of ["one", "two", "three", "denied"]) await create(service, "ann", name);
  const record = createClient(ModerationService, door).record;
  await record({
    appId: testApp,
    event: { case: "accountCreated", value: { accountId: "@a", operator: "ann", owner: "ann", name: "one" } },
  });
  await record({ appId: testApp, event: { case: "subscribersAdded", value: { accountId: "@a", subscribers: ["zoe", "bob"] } } });
  await createClient(ListService, door).addEntries({ list: "banned", entries: [{ value: "eve" }, { value: "mallory", reason: "spam" }] });
  await createClient(ListService, door).removeEntries({ list: "banned", values: ["mallory"] });
  await createClient(KeyService, door).createKey({ name: "console", roles: [Role.VIEWER] });
}

/** What the service answers, with page tokens and cursors in between. */
async function answersOf(service: TestGatehouse) {
  const door = service.server.localDoor;
  const decisions = createClient(DecisionService, door);
  const first = await decisions.listDecisions({ pageSize: 2 });
  const second = await decisions.listDecisions({ pageSize: 1000, pageToken: first.nextPageToken });
  const { changes } = await createClient(FeedService, door).listChanges({ start: FeedStart.BEGINNING, pageSize: 1000 });
  const { decisionId = "" } = second.decisions[0] ?? {};
  return {
    decisions: [...first.decisions, ...second.decisions],
    explained: await decisions.explainDecision({ decisionId }),
    changes,
    accounts: await createClient(AccountService, door).listAccounts({ appId: testApp }),
    timeline: await createClient(AccountService, door).listTimeline({ appId: testApp, of: { case: "user", value: "zoe" } }),
    entries: await createClient(ListService, door).listEntries({ list: "banned" }),
    keys: await createClient(KeyService, door).listKeys({}),
    audit: await createClient(AuditService, door).listAuditEntries({ pageSize: 100 }),
    pageToken: first.nextPageToken,
    cursor: changes.at(-2)?.cursor ?? "",
  };
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe("migrate", () => {
  it("copies while the service runs, and completes the new database when it has stopped", async () => {
    const before = await withService(database, async (service) => {
      await use(service);
      const outcome = await migrate(database, url);
      expect(outcome).toMatchObject({ code: 0, stderr: expect.stringContaining("Not complete: the service still runs on") });
      expect(outcome.stdout).toMatch(/^decisions {2,}4 {2}[0-9a-f]{16}$/m);
      await expect(startGatehouse({ policy, env: { GATEHOUSE_DATABASE: url } })).rejects.toThrow(
        /is not complete: .*gatehouse\.db is being moved to it\. Stop the service there and run `gatehouse migrate` again\./,
      );
      await create(service, "bob", "later");
      return answersOf(service);
    });
    const outcome = await migrate(database, url);
    expect(outcome).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Complete: every row of every table is the same on both sides"),
    });
    expect(outcome.stdout).toMatch(/^decisions {2,}5 {2}[0-9a-f]{16}$/m);
    expect(await migrate(database, url, "--verify")).toMatchObject({ code: 0, stderr: expect.stringContaining("The same, row by row") });

    await withService(url, async (service) => {
      expect(await answersOf(service)).toEqual(before);
      const page = await createClient(DecisionService, service.server.localDoor).listDecisions({
        pageSize: 1000,
        pageToken: before.pageToken,
      });
      expect(page.decisions).toEqual(before.decisions.slice(2));
      // Who was at the limit is, who was banned is, and a repeated request gets its decision.
      expect(await create(service, "ann", "four")).toMatchObject({ code: 120003 });
      expect(await create(service, "eve", "five")).toMatchObject({ code: 120001 });
      expect((await create(service, "bob", "later"))?.decisionId).toBe(before.decisions[0]?.decisionId);
      // Whoever reads the feed goes on after their cursor, and no id comes twice.
      const { changes } = await createClient(FeedService, service.server.localDoor).listChanges({ cursor: before.cursor, pageSize: 100 });
      expect(changes[0]).toEqual(before.changes.at(-1));
      const ids = (found: readonly { change: { value?: unknown } }[]) =>
        found.map(({ change }) => JSON.stringify(change.value, replaceBigInt));
      for (const id of ids(changes.slice(1))) expect(ids(before.changes)).not.toContain(id);
      expect(changes).toHaveLength(3);
      await createClient(KeyService, service.server.localDoor).createKey({ name: "another", roles: [Role.VIEWER] });
      await createClient(ListService, service.server.localDoor).addEntries({ list: "banned", entries: [{ value: "trudy" }] });
      expect(await create(service, "trudy", "six")).toMatchObject({ code: 120001 });
    });
  });

  it("goes back to SQLite", async () => {
    const before = await withService(url, async (service) => {
      await use(service);
      expect(await migrate(url, database)).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("Not complete: the service still runs on postgres:"),
      });
      await create(service, "bob", "later");
      return answersOf(service);
    });
    expect(await migrate(url, database)).toMatchObject({ code: 0, stderr: expect.stringContaining("Complete:") });
    expect((await gatehouse(["check", database])).code).toBe(0);
    await withService(database, async (service) => {
      expect(await answersOf(service)).toEqual(before);
      expect(await create(service, "ann", "four")).toMatchObject({ code: 120003 });
      expect((await create(service, "bob", "new"))?.decisionId).not.toBe(before.decisions[0]?.decisionId);
    });
  });

  it.each(["PostgreSQL", "SQLite"])(
    "follows a service that goes on writing until it stops, to %s",
    async (kind) => {
      const [from, to] = kind === "SQLite" ? [url, database] : [database, url];
      let following: ReturnType<typeof migrate> | undefined;
      const decided = await withService(from, async (service) => {
        await use(service);
        following = migrate(from, to, "--follow");
        for (let i = 0; (await copiedDecisions(to)) < 12; i += 1) await create(service, `owner ${i}`, `during ${i}`);
        const { decisions } = await createClient(DecisionService, service.server.localDoor).listDecisions({ pageSize: 1000 });
        return decisions.map(({ decisionId }) => decisionId);
      });
      expect(await following).toMatchObject({ code: 0, stderr: expect.stringMatching(/stop the service when you like\.[\s\S]*Complete:/) });
      await withService(to, async (service) => {
        const { decisions } = await createClient(DecisionService, service.server.localDoor).listDecisions({ pageSize: 1000 });
        expect(decisions.map(({ decisionId }) => decisionId)).toEqual(decided);
      });
    },
    60_000,
  );

  it("goes on where it was when it was killed", async () => {
    await withService(database, use);
    multiply(20_000);
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [main, "migrate", "--from", database, "--to", url], { stdio: "ignore" });
    while ((await copiedDecisions(url)) === 0) expect(child.exitCode).toBeNull();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await copiedDecisions(url)).toBeLessThan(20_000);
    const outcome = await migrate(database, url);
    expect(outcome).toMatchObject({ code: 0, stderr: expect.stringContaining("Complete:") });
    const [, rows = "", copied = ""] = /^([\d ]+) rows, ([\d ]+) of them copied/m.exec(outcome.stderr) ?? [];
    expect(Number(copied.replaceAll(" ", ""))).toBeLessThan(Number(rows.replaceAll(" ", "")));
    expect(await migrate(database, url, "--verify")).toMatchObject({ code: 0 });
  }, 60_000);

  it("repairs what differs before the end, and tells of it after", async () => {
    await withService(database, async (service) => {
      await use(service);
      await migrate(database, url);
    });
    await query("UPDATE accounts SET name = 'planted'; DELETE FROM list_entries; INSERT INTO retention_walks VALUES ('x', 1)");
    expect(await migrate(database, url)).toMatchObject({ code: 0, stderr: expect.stringContaining("Complete:") });
    expect(await migrate(database, url, "--verify")).toMatchObject({ code: 0 });
    await query("UPDATE decisions SET body = replace(body, 'one', 'two') WHERE seq = (SELECT min(seq) FROM decisions)");
    expect(await migrate(database, url, "--verify")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("differs: decisions: 1 rows differ"),
    });
  });

  it("refuses what would mix or lose", async () => {
    await withService(database, use);
    const other = join(folder, "other.db");
    await withService(other, use);
    const refusals = [
      [await migrate(database, database), "Both are the same database"],
      [await migrate(join(folder, "nowhere.db"), url), "nowhere.db cannot be read"],
      [await migrate(database, other), "is not empty, it has policies"],
      [await migrate(url, join(folder, "new.db")), "is not a database of Gatehouse"],
      [await migrate(database, server.urlOf("nowhere")), "cannot be read or written"],
    ] as const;
    for (const [outcome, message] of refusals) expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });

    await withService(other, () => migrate(other, url));
    expect(await migrate(database, url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("other.db is being moved to it. Give another one."),
    });
    await migrate(other, url);
    expect(await migrate(other, url)).toMatchObject({ code: 1, stderr: expect.stringContaining("is not empty, it has policies") });
    await withService(url, async () => {
      expect(await migrate(database, url)).toMatchObject({ code: 1, stderr: expect.stringContaining("A service is connected to") });
    });
    new Database(database).exec("PRAGMA user_version = 1000").close();
    expect(await migrate(database, join(folder, "new.db"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("from a newer Gatehouse"),
    });
  });

  it("says what is wrong with its flags, and repeats no password", async () => {
    expect(await gatehouse(["migrate", "--from", database])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("needs --from and --to"),
    });
    const wrong = await migrate(database, "postgres://ann:sesa#me@db");
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("--to ") });
    expect(wrong.stderr).not.toContain("sesa");
    const nowhere = await migrate(url.replace("gatehouse@", "gatehouse:sesame@").replace(/\/\w+\?/, "/nowhere?"), database);
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("/nowhere cannot be read or written") });
    expect(nowhere.stderr).not.toContain("sesame");
  });
});

/** How many decisions the target has; 0 while it has no tables. */
async function copiedDecisions(to: string): Promise<number> {
  if (to === database) {
    if (!existsSync(database)) return 0;
    const db = new Database(database);
    const isThere = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'decisions'").get() !== undefined;
    const count = isThere ? db.prepare("SELECT count(*) FROM decisions").pluck().get() : 0;
    db.close();
    return count as number;
  }
  const [table] = await query("SELECT to_regclass('decisions') IS NOT NULL AS is_there");
  if (table?.is_there !== true) return 0;
  const [row] = await query("SELECT count(*)::int AS count FROM decisions");
  return Number(row?.count);
}

/** Adds as many decisions, more than are copied at a time. */
function multiply(count: number): void {
  new Database(database)
    .exec(
      `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ${count})
       INSERT INTO decisions (seq, app_id, operator, verdict, decide_time, body)
         SELECT 1000 + value, app_id, operator, verdict, decide_time, body FROM n, (SELECT * FROM decisions LIMIT 1)`,
    )
    .close();
}

function replaceBigInt(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
