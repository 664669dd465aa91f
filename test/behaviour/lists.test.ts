// What the service promises of lists: kinds, history, expiry, imports and exports, through every RPC door.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ListChange, ListKind, ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = `name: lists
lists:
  owners: { kind: exact }
  words: { kind: pattern }
  names: { kind: glob }
  ranges: { kind: cidr }
rules:
  - { id: owner, on: [create_account], when: 'inList(owner, "owners")', then: { deny: { code: 120001, message: no } } }
`;

type Lists = Client<typeof ListService>;

async function* messages<T>(...parts: T[]): AsyncGenerator<T> {
  yield* parts;
}

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ value: `u${String(from + i).padStart(6, "0")}`, reason: "r" }));

async function allValues(lists: Lists, list: string): Promise<string[]> {
  const values: string[] = [];
  for await (const { entries } of lists.exportEntries({ list })) {
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThanOrEqual(1000);
    values.push(...entries.map(({ value }) => value));
  }
  return values;
}

describe.each(Object.entries(rpcTransports))("lists through %s", (_name, transport) => {
  async function start(): Promise<{ gatehouse: TestGatehouse; lists: Lists } & AsyncDisposable> {
    const gatehouse = await startGatehouse({ policy });
    return {
      gatehouse,
      lists: createClient(ListService, transport(gatehouse)),
      [Symbol.asyncDispose]: () => gatehouse[Symbol.asyncDispose](),
    };
  }

  it("have kinds and counts", async () => {
    await using started = await start();
    await started.lists.addEntries({ list: "owners", entries: [{ value: "a" }, { value: "b" }] });
    const { lists } = await started.lists.listLists({});
    expect(lists.map(({ list, kind, entryCount }) => [list, kind, entryCount])).toEqual([
      ["names", ListKind.GLOB, 0n],
      ["owners", ListKind.EXACT, 2n],
      ["ranges", ListKind.CIDR, 0n],
      ["words", ListKind.PATTERN, 0n],
    ]);
  });

  it("keep who added what, and why, and until when", async () => {
    await using started = await start();
    const expireTime = timestampFromMs(Date.now() + 3_600_000);
    const entries = [{ value: "a", author: "ann" }, { value: "b", reason: "spam", source: "T-1", expireTime }, { value: "c" }];
    expect(await started.lists.addEntries({ list: "owners", entries, author: "bob" })).toMatchObject({ addedCount: 3 });
    const { entries: kept } = await started.lists.listEntries({ list: "owners" });
    expect(kept).toMatchObject([
      { value: "a", author: "ann", reason: "", source: "" },
      { value: "b", author: "bob", reason: "spam", source: "T-1", expireTime },
      { value: "c", author: "bob" },
    ]);
    expect(kept[0]?.expireTime).toBeUndefined();
    expect((await started.lists.listEntries({ list: "owners", contains: "spam" })).entries.map((e) => e.value)).toEqual(["b"]);
    expect((await started.lists.listEntries({ list: "owners", prefix: "c" })).entries.map((e) => e.value)).toEqual(["c"]);
  });

  it("remember every edit, the latest first", async () => {
    await using started = await start();
    const { lists } = started;
    await lists.addEntries({ list: "owners", entries: [{ value: "a", reason: "one" }], author: "ann" });
    await lists.addEntries({ list: "owners", entries: [{ value: "a", reason: "one" }], author: "ann" });
    await lists.addEntries({ list: "owners", entries: [{ value: "a", reason: "two" }, { value: "b" }], author: "bob" });
    await lists.removeEntries({ list: "owners", values: ["a", "nobody"], author: "cid", reason: "appeal" });
    const { edits } = await lists.listEdits({ list: "owners", value: "a" });
    expect(edits).toMatchObject([
      { value: "a", change: ListChange.REMOVED, author: "cid", reason: "appeal" },
      { value: "a", change: ListChange.CHANGED, author: "bob", reason: "two" },
      { value: "a", change: ListChange.ADDED, author: "ann", reason: "one" },
    ]);
    const first = await lists.listEdits({ list: "owners", pageSize: 3 });
    const rest = await lists.listEdits({ list: "owners", pageSize: 3, pageToken: first.nextPageToken });
    expect([...first.edits, ...rest.edits].map((edit) => edit.value).sort()).toEqual(["a", "a", "a", "b"]);
    expect(rest.nextPageToken).toBe("");
  });

  it("take only what fits their kind, and all of a request or nothing", async () => {
    await using started = await start();
    const past = timestampFromMs(Date.now() - 1000);
    const wrong: [list: string, entry: object, field: string, description: RegExp][] = [
      ["ranges", { value: "10.0.0.1/8" }, "entries[1].value", /10\.0\.0\.0\/8/],
      ["ranges", { value: "word" }, "entries[1].value", /address/],
      ["words", { value: "\u200b \u200d" }, "entries[1].value", /./],
      ["names", { value: "a\\" }, "entries[1].value", /./],
      ["owners", { value: "x", expireTime: past }, "entries[1].expire_time", /is in the past \(.*give a later time/],
    ];
    const good: Record<string, string> = { ranges: "10.0.0.0/8", words: "casino", names: "*.example", owners: "o" };
    for (const [list, entry, field, description] of wrong) {
      const entries = [{ value: good[list] ?? "" }, entry, entry];
      const { reason, message, fields } = await failureOf(started.lists.addEntries({ list, entries }));
      expect({ list, entry, reason }).toEqual({ list, entry, reason: "INVALID_ENTRY" });
      expect(message).toContain(`2 entries do not fit the list "${list}"`);
      expect(fields).toHaveLength(2);
      expect(fields[0]).toMatch(description);
      expect(fields[0]?.startsWith(`${field}: `)).toBe(true);
      expect((await started.lists.listEntries({ list })).entries).toEqual([]);
    }
    for (const [list, value] of Object.entries(good)) {
      expect(await started.lists.addEntries({ list, entries: [{ value }] })).toMatchObject({ addedCount: 1 });
    }
  });

  it("that no policy names are not there for any method", async () => {
    await using started = await start();
    const { lists } = started;
    const calls = [
      () => lists.addEntries({ list: "owner", entries: [{ value: "x" }] }),
      () => lists.removeEntries({ list: "owner", values: ["x"] }),
      () => lists.listEntries({ list: "owner" }),
      () => lists.listEdits({ list: "owner" }),
      () => lists.importEntries(messages({ list: "owner", entries: [{ value: "x" }] })),
      () => allValues(lists, "owner"),
    ];
    for (const call of calls) {
      expect(await failureOf(call())).toMatchObject({
        reason: "LIST_NOT_FOUND",
        message: expect.stringContaining('There is no list "owner". Did you mean "owners"?'),
      });
    }
  });

  it("refuse requests that break the rules of the schema", async () => {
    await using started = await start();
    const { lists } = started;
    const tooMany = Array.from({ length: 1001 }, (_, i) => ({ value: String(i) }));
    const calls: [() => Promise<unknown>, string][] = [
      [() => lists.addEntries({ list: "owners" }), "entries"],
      [() => lists.addEntries({ list: "owners", entries: tooMany }), "entries"],
      [() => lists.addEntries({ list: "Owners", entries: [{ value: "x" }] }), "list"],
      [() => lists.addEntries({ list: "owners", entries: [{ value: "x".repeat(501) }] }), "entries[0].value"],
      [() => lists.addEntries({ list: "owners", entries: [{ value: "x", source: "s".repeat(201) }] }), "entries[0].source"],
      [() => lists.addEntries({ list: "owners", entries: [{ value: "x" }], author: "a".repeat(101) }), "author"],
      [() => lists.removeEntries({ list: "owners", values: ["a\0"] }), "values[0]"],
      [() => lists.listEntries({ list: "owners", pageSize: -1 }), "page_size"],
      [() => lists.importEntries(messages({ list: "owners", entries: [] })), "entries"],
    ];
    for (const [call, field] of calls) {
      const { reason, fields } = await failureOf(call());
      expect([field, reason, fields.map((text) => text.slice(0, text.indexOf(": ")))]).toEqual([field, "INVALID_REQUEST", [field]]);
    }
  });

  it("are imported and exported, however long they are, and importing again changes nothing", async () => {
    await using started = await start();
    const { lists, gatehouse } = started;
    const parts = () => messages(...[0, 1000, 2000].map((from) => ({ list: "owners", entries: numbered(from, 1000), author: "ann" })));
    expect(await lists.importEntries(parts())).toMatchObject({ receivedCount: 3000n, addedCount: 3000n });
    expect(await lists.importEntries(parts())).toMatchObject({ receivedCount: 3000n, addedCount: 0n });
    expect(await allValues(lists, "owners")).toEqual(numbered(0, 3000).map(({ value }) => value));
    const { edits } = await lists.listEdits({ list: "owners", value: "u002999" });
    expect(edits).toHaveLength(1);
    const { decision } = await createClient(ModerationService, transport(gatehouse)).decide(requestOf({ owner: "u002999", name: "x" }));
    expect(decision?.code).toBe(120001);
    expect(await allValues(lists, "words")).toEqual([]);
    expect(await lists.importEntries(messages())).toMatchObject({ receivedCount: 0n, addedCount: 0n });
  });

  it("say which entry of an import does not fit, and keep the parts before it", async () => {
    await using started = await start();
    const { lists } = started;
    const range = (n: number) => ({ value: `10.0.${n >> 8}.${n & 255}` });
    const good = Array.from({ length: 1000 }, (_, n) => range(n));
    const bad = [range(1000), { value: "nonsense" }, range(1001)];
    const failure = await failureOf(lists.importEntries(messages({ list: "ranges", entries: good }, { list: "ranges", entries: bad })));
    expect(failure.reason).toBe("INVALID_ENTRY");
    expect(failure.fields).toHaveLength(1);
    expect(failure.fields[0]).toMatch(/^entries\[1001\]\.value: /);
    expect(await allValues(lists, "ranges")).toHaveLength(1000);
  });

  it("are imported one at a time", async () => {
    await using started = await start();
    const parts = messages({ list: "owners", entries: [{ value: "a" }] }, { list: "words", entries: [{ value: "b" }] });
    expect(await failureOf(started.lists.importEntries(parts))).toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringContaining('began with "owners" and went on with "words"'),
    });
    expect(await allValues(started.lists, "owners")).toEqual(["a"]);
  });

  it("can be walked page by page whatever their values are", async () => {
    await using started = await start();
    const values = ['"'.repeat(500), "\u0001".repeat(500), "界".repeat(166), "\\".repeat(500)];
    await started.lists.addEntries({ list: "owners", entries: values.map((value) => ({ value })) });
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await started.lists.listEntries({ list: "owners", pageSize: 1, pageToken });
      seen.push(...page.entries.map((entry) => entry.value));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(seen)).toEqual(new Set(values));
    expect(seen).toHaveLength(4);
  });
});
