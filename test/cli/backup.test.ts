// `gatehouse backup`, `restore` and `check`, on the files of a real service.
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuditService } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { failureOf } from "../behaviour/reason-of.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { gatehouse, nowMs } from "./harness.ts";

const policy = "name: kept\nlists:\n  staff: {}\nrules: []\n";
const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";
const afterAdd = "OfficialAccount.CallbackAfterAddSubscriber";

let folder: string;
let database: string;
let backup: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-backup-"));
  database = join(folder, "gatehouse.db");
  backup = join(folder, "backup.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The service on `folder`, which stays when it stops. */
async function withService<T>(use: (service: TestGatehouse) => Promise<T>): Promise<T> {
  const service = await startGatehouse({ policy, folder });
  try {
    return await use(service);
  } finally {
    await service.server.stop(1000);
  }
}

async function create(service: TestGatehouse, name: string): Promise<void> {
  const { answer } = await service.post(beforeCreate, { Operator_Account: "ann", Owner_Account: "ann", Name: name });
  expect(answer).toMatchObject({ ActionStatus: "OK", ErrorCode: 0 });
}

/** The names of all recorded creations, the latest first. */
async function names(service: TestGatehouse): Promise<string[]> {
  const { decisions } = await createClient(DecisionService, service.server.localDoor).listDecisions({ pageSize: 1000 });
  return decisions.map(({ action }) => (action.case === "createAccount" ? action.value.name : ""));
}

const files = () => readdirSync(folder).sort();

/** Overwrites a part of a file with noise. */
function damage(path: string, position: number, bytes: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(bytes, 0xa5), 0, bytes, position);
  closeSync(file);
}

describe("backup", () => {
  it("copies a database that is being written to, as it was at one moment", async () => {
    await withService(async (service) => {
      for (let i = 0; i < 20; i += 1) await create(service, `before ${i}`);
      const decided = [...(await names(service))];
      let isDone = false;
      let written = 0;
      const writing = Promise.all(
        Array.from({ length: 8 }, async (_, client) => {
          while (!isDone) {
            await create(service, `during ${client} ${written}`);
            written += 1;
          }
        }),
      );
      const outcome = await gatehouse(["backup", backup, "--from", database]);
      isDone = true;
      await writing;
      expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^file {2,}\S+backup\.db$/m) });
      expect(outcome.stderr).toContain("Backed up and checked");
      const copy = new Database(backup, { readonly: true });
      const rows = copy.prepare("SELECT count(*) AS count, max(seq) AS last FROM decisions").get() as { count: number; last: number };
      copy.close();
      expect(rows.count).toBeGreaterThanOrEqual(decided.length);
      // Nothing is missing in between: all decisions up to the moment of the copy.
      const original = new Database(database, { readonly: true });
      expect(original.prepare("SELECT count(*) FROM decisions WHERE seq <= ?").pluck().get(rows.last)).toBe(rows.count);
      original.close();
      expect(outcome.stdout).toMatch(new RegExp(`^decisions +${rows.count}$`, "m"));
      await create(service, "after");
      expect((await fetch(`${service.apiUrl}/readyz`)).status).toBe(200);
    });
    expect(files()).toEqual(["backup.db", "gatehouse.db", "gatehouse.db-lock", "policy.yaml"]);
  });

  it("replaces a backup only with --force, and never by one that is not sound", async () => {
    await withService((service) => create(service, "one"));
    expect((await gatehouse(["backup", backup, "--from", database])).code).toBe(0);
    const first = readFileSync(backup);
    await withService((service) => create(service, "two"));
    expect(await gatehouse(["backup", backup, "--from", database])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is there already: choose another name, or replace it with --force."),
    });
    expect(readFileSync(backup).equals(first)).toBe(true);
    expect((await gatehouse(["backup", backup, "--from", database, "--force"])).code).toBe(0);
    const second = readFileSync(backup);
    expect(second.equals(first)).toBe(false);

    new Database(database).exec("UPDATE lists SET entry_count = 7").close();
    const outcome = await gatehouse(["backup", backup, "--from", database, "--force"]);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining("list staff: counted as 7 entries, and has 0") });
    expect(readFileSync(backup).equals(second)).toBe(true);
    expect(files().filter((name) => name.startsWith("backup"))).toEqual(["backup.db"]);
  });

  it("takes what is only in the log of a service that was killed", async () => {
    await withService(async (service) => {
      await create(service, "in the log");
      // What kill -9 would leave: the file and its log, without the folding of the two at the end.
      for (const end of ["", "-wal"]) writeFileSync(`${database}.killed${end}`, readFileSync(`${database}${end}`));
    });
    expect((await gatehouse(["backup", backup, "--from", `${database}.killed`])).code).toBe(0);
    const copy = new Database(backup, { readonly: true });
    expect(copy.prepare("SELECT count(*) FROM decisions").pluck().get()).toBe(1);
    copy.close();
  });

  it.each([
    [["backup"], 2, "backup needs exactly one file to write."],
    [["backup", "x", "--from", "nowhere.db"], 1, "The database nowhere.db cannot be read"],
    [["restore"], 2, "restore needs exactly one backup."],
    [["check", "a", "b"], 2, "check takes one database at most."],
    [["check", "README.md"], 1, "The database README.md cannot be read: file is not a database."],
  ])("%j ends with %d", async (args, code, message) => {
    expect(await gatehouse(args)).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
  });
});

describe("check", () => {
  it("finds a sound database sound, also while the service runs, and takes it from the settings", async () => {
    await withService(async (service) => {
      await create(service, "one");
      const outcome = await gatehouse(["check"], { GATEHOUSE_DATABASE: database, GATEHOUSE_APPS: "1400000000" });
      expect(outcome).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^decisions +1$/m),
        stderr: expect.stringContaining("Sound"),
      });
      const json = await gatehouse(["check", database, "--json"]);
      expect(JSON.parse(json.stdout)).toMatchObject({ path: database, rows: { decisions: 1, lists: 1 }, problems: [] });
    });
  });

  it.each([
    ["a count of entries", "UPDATE lists SET entry_count = 3", "list staff: counted as 3 entries, and has 1"],
    ["a count of cases", "INSERT INTO open_case_counts VALUES (99, 3)", "open cases of kind 99: counted as 3, and there are 0"],
    [
      "a count of messages",
      "INSERT INTO messages (app_id, account_id, message_key, sent_seq, online_only) SELECT app_id, account_id, 'k', 1, 0 FROM accounts",
      "account @a of app 1400000000: counted as 0 messages sent and 0 withdrawn, and has 1 and 0",
    ],
    [
      "a count of subscribers",
      "UPDATE subscriber_counts SET count = 9",
      "account @a of app 1400000000: counted as 9 subscriptions, and has 2",
    ],
    [
      "a count of subscriptions",
      "DELETE FROM subscription_counts WHERE subscriber = 'bob'",
      "user bob of app 1400000000: counted as 0 subscriptions, and has 1",
    ],
    ["a sequence number that was given twice", "UPDATE decisions SET seq = (SELECT min(seq) FROM events)", "is in decisions and in events"],
    ["a reference to nothing", "PRAGMA foreign_keys = OFF; DELETE FROM policies", "refers to a row of policies that is not there"],
  ])("finds %s that is wrong", async (_, sql, problem) => {
    await withService(async (service) => {
      await create(service, "one");
      await service.post(afterCreate, { Official_Account: "@a", Owner_Account: "ann", Name: "News", EventTime: nowMs });
      await service.post(afterAdd, {
        Official_Account: "@a",
        Operator_Account: "ann",
        SubscribeAccountList: [{ Subscriber_Account: "bob" }, { Subscriber_Account: "eve" }],
        EventTime: nowMs,
      });
      await createClient(ListService, service.server.localDoor).addEntries({ list: "staff", entries: [{ value: "x" }] });
    });
    expect((await gatehouse(["check", database])).code).toBe(0);
    new Database(database).exec(sql).close();
    expect(await gatehouse(["check", database])).toMatchObject({ code: 1, stderr: expect.stringContaining(problem) });
  });

  it("finds damaged pages, and a backup of them is not kept", async () => {
    await withService(async (service) => {
      await Promise.all(Array.from({ length: 300 }, (_, i) => create(service, `name ${i}`)));
    });
    const { size } = statSync(database);
    damage(database, Math.floor(size / 2 / 4096) * 4096, 8192);
    expect(await gatehouse(["check", database])).toMatchObject({ code: 1, stderr: expect.stringMatching(/damaged: |cannot be read/) });
    expect((await gatehouse(["backup", backup, "--from", database])).code).toBe(1);
    expect(files().filter((name) => name.startsWith("backup"))).toEqual([]);
  });
});

describe("restore", () => {
  it("puts a backup in an empty place", async () => {
    await withService((service) => create(service, "kept"));
    await gatehouse(["backup", backup, "--from", database]);
    rmSync(database);
    const outcome = await gatehouse(["restore", backup, "--to", database]);
    expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^decisions +1$/m) });
    expect(await withService(names)).toEqual(["kept"]);
  });

  it("refuses while a service has the database, and without --force when there is one", async () => {
    await withService(async (service) => {
      await create(service, "kept");
      await gatehouse(["backup", backup, "--from", database]);
      const running = await gatehouse(["restore", backup, "--to", database, "--force"]);
      expect(running).toMatchObject({ code: 1, stderr: expect.stringContaining("is in use by another Gatehouse") });
      await create(service, "later");
    });
    const there = await gatehouse(["restore", backup, "--to", database]);
    expect(there).toMatchObject({ code: 1, stderr: expect.stringContaining("with --force it is kept under another name") });
    expect(await withService(names)).toEqual(["later", "kept"]);
  });

  it("keeps the database that was there, with what was only in its log, and leaves nothing stale beside the new one", async () => {
    await withService(async (service) => {
      await create(service, "kept");
      await gatehouse(["backup", backup, "--from", database]);
      await create(service, "undone");
      for (const end of ["", "-wal"]) writeFileSync(`${database}.killed${end}`, readFileSync(`${database}${end}`));
    });
    const killed = `${database}.killed`;
    const outcome = await gatehouse(["restore", backup, "--to", killed, "--force"]);
    expect(outcome.code).toBe(0);
    const keptAs = /kept as (\S+)\.$/m.exec(outcome.stderr)?.[1] ?? "";
    const rowsOf = async (path: string) => JSON.parse((await gatehouse(["check", path, "--json"])).stdout).rows.decisions;
    expect([await rowsOf(keptAs), await rowsOf(killed)]).toEqual([2, 1]);
    expect(existsSync(`${killed}-wal`)).toBe(false);
  });

  it("keeps a damaged database as it is, and serves again", async () => {
    await withService((service) => create(service, "kept"));
    await gatehouse(["backup", backup, "--from", database]);
    damage(database, 0, 4096);
    const damaged = readFileSync(database);
    await expect(startGatehouse({ policy, folder })).rejects.toThrow(/is damaged.*gatehouse restore/s);
    const outcome = await gatehouse(["restore", backup, "--to", database, "--force"]);
    expect(outcome.code).toBe(0);
    const keptAs = /kept as (\S+)\.$/m.exec(outcome.stderr)?.[1] ?? "";
    expect(readFileSync(keptAs).equals(damaged)).toBe(true);
    expect(await withService(names)).toEqual(["kept"]);
  });

  it("refuses a damaged backup and changes nothing", async () => {
    await withService(async (service) => {
      await Promise.all(Array.from({ length: 300 }, (_, i) => create(service, `name ${i}`)));
    });
    await gatehouse(["backup", backup, "--from", database]);
    damage(backup, Math.floor(statSync(backup).size / 2 / 4096) * 4096, 8192);
    const before = readFileSync(database);
    const outcome = await gatehouse(["restore", backup, "--to", database, "--force"]);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/is damaged, and was not restored|cannot be read/) });
    expect(readFileSync(database).equals(before)).toBe(true);
    expect(files()).toEqual(["backup.db", "gatehouse.db", "gatehouse.db-lock", "policy.yaml"]);
  });

  it("gives no id twice, and tells consumers of the feed where the restored part begins", async () => {
    const feed = (service: TestGatehouse) => createClient(FeedService, service.server.localDoor);
    const read = async (service: TestGatehouse, cursor: string) => {
      const found: { cursor: string; id: string }[] = [];
      for (let at = cursor, more = true; more; ) {
        const page = await feed(service).listChanges({ cursor: at, start: FeedStart.BEGINNING, pageSize: 3 });
        for (const { cursor: own, change } of page.changes) {
          found.push({ cursor: own, id: change.case === "decision" ? change.value.decisionId : (change.case ?? "") });
        }
        [at, more] = [page.cursor, page.hasMore];
      }
      return found;
    };
    const { kept, undone } = await withService(async (service) => {
      await create(service, "kept 1");
      await create(service, "kept 2");
      const before = await read(service, "");
      await gatehouse(["backup", backup, "--from", database]);
      await create(service, "undone 1");
      await create(service, "undone 2");
      return { kept: before, undone: (await read(service, "")).slice(before.length) };
    });
    const lastKept = kept.at(-1)?.cursor ?? "";
    expect(undone).toHaveLength(2);

    // Twice the same backup, with decisions in between: no number comes again either.
    const given = new Set([...kept, ...undone].map(({ id }) => id));
    const cursors = undone.map(({ cursor }) => cursor);
    for (const round of [1, 2]) {
      expect((await gatehouse(["restore", backup, "--to", database, "--force"])).code).toBe(0);
      await withService(async (service) => {
        const now = await feed(service).listChanges({ start: FeedStart.NOW, pageSize: 1 });
        for (let i = 0; i < 4; i += 1) await create(service, `new ${round} ${i}`);
        for (const cursor of cursors) {
          expect(await failureOf(feed(service).listChanges({ cursor, pageSize: 1 }))).toMatchObject({
            reason: "INVALID_CURSOR",
            metadata: { last_cursor: lastKept },
          });
        }
        expect(await read(service, kept[0]?.cursor ?? "")).toHaveLength(kept.length - 1 + 4);
        const later = await read(service, lastKept);
        expect(later).toEqual(await read(service, now.cursor));
        expect(later).toHaveLength(4);
        for (const { id } of later) expect(given).not.toContain(id);
        for (const { id, cursor } of later) {
          given.add(id);
          if (round === 1) cursors.push(cursor);
        }
      });
    }
    expect((await gatehouse(["check", database])).code).toBe(0);
  });

  it("lets the audit log go on with ids that were never given", async () => {
    const edit = async (service: TestGatehouse) => {
      await createClient(ListService, service.server.localDoor).addEntries({ list: "staff", entries: [{ value: "x" }] });
      const { entries } = await createClient(AuditService, service.server.localDoor).listAuditEntries({ pageSize: 10 });
      return entries.map(({ auditId }) => auditId);
    };
    await withService((service) => create(service, "kept"));
    await gatehouse(["backup", backup, "--from", database]);
    const undone = await withService(edit);
    await gatehouse(["restore", backup, "--to", database, "--force"]);
    const later = await withService(edit);
    expect(later.length).toBeGreaterThan(0);
    expect(later[0]).not.toBe(undone[0]);
  });
});
