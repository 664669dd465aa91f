// What asking a policy costs: `npm run bench:policy`. A policy of 50 rules of which 20 apply and 3 ask lists, on the real store.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CreateAccountSchema } from "../gen/gatehouse/v1/action_pb.ts";
import { type ListEntry, ListEntrySchema } from "../gen/gatehouse/v1/list_service_pb.ts";
import { createFactsOf } from "../src/moderation/facts.ts";
import { type CompiledPolicy, compilePolicy } from "../src/policy/compile.ts";
import { evaluate, type Question } from "../src/policy/evaluate.ts";
import { createLiveWorld } from "../src/policy/world.ts";
import { openSqliteStore } from "../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../src/storage/storage.ts";
import { createPhraseMatcher, normalForms } from "../src/text/phrase-matcher.ts";

const lists = { small: 1_000, large: 1_000_000 };
type List = keyof typeof lists;
const phraseCount = 10_000;
const nowMs = Date.now();

/** 30 rules on subscriptions, which do not apply, and 20 on creations: 3 ask lists, one a quota, one a reserved name, 15 fields only. */
function policyText(list: string): string {
  const rule = (id: string, on: string, when: string) =>
    `  - { id: ${id}, on: [${on}], when: '${when}', then: { deny: { code: 120001 } } }\n`;
  const others = Array.from({ length: 30 }, (_, i) => rule(`other-${i}`, "add_subscribers", `operator == "nobody-${i}"`)).join("");
  const plain = Array.from({ length: 15 }, (_, i) =>
    rule(`plain-${i}`, "create_account", `size(name) > ${100 + i} || owner == "nobody-${i}"`),
  ).join("");
  const asking = ["operator", "owner", "name"]
    .map((field, i) => rule(`list-${i}`, "create_account", `inList(${field}, "${list}")`))
    .join("");
  const quota = rule("quota", "create_account", "liveAccounts(owner) >= 5");
  const reserved = rule("reserved", "create_account", `matchesList(skeleton(name), "protected")`);
  return `name: bench\nlists: { ${list}: { kind: exact }, protected: { kind: pattern } }\nrules:\n${others}${plain}${asking}${quota}${reserved}`;
}

/** A policy whose only rule notes what holds. */
function oneRule(when: string): CompiledPolicy {
  return compiled(
    `name: one\nlists: { small: {}, large: {} }\nrules:\n  - { id: one, on: [create_account], when: '${when}', then: { flag: {} } }\n`,
  );
}

function compiled(text: string): CompiledPolicy {
  const { policy, problems } = compilePolicy(text);
  if (policy === undefined) throw new Error(JSON.stringify(problems));
  return policy;
}

async function fill(store: Store, list: string, count: number, entryAt: (i: number) => string): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const entries: ListEntry[] = [];
    for (let i = from; i < Math.min(count, from + 1000); i++) {
      entries.push(create(ListEntrySchema, { value: entryAt(i), createTime: timestampFromMs(nowMs) }));
    }
    await store.addEntries(list, entries);
  }
}

/** Microseconds of this thread's processor time a call: what other programs on the machine take is not counted. */
function round(call: (i: number) => void, calls: number): number {
  const before = process.threadCpuUsage();
  for (let i = 0; i < calls; i++) call(i);
  const spent = process.threadCpuUsage(before);
  return (spent.user + spent.system) / calls;
}

/** Microseconds a call of each: medians of eleven rounds that take turns, so that what disturbs one disturbs the other. */
function costs<Calls extends readonly ((i: number) => void)[]>(calls: Calls, perRound = 50_000): { [K in keyof Calls]: number } {
  for (const call of [...calls, ...calls]) round(call, perRound);
  const rounds: number[][] = calls.map(() => []);
  for (let i = 0; i < 11; i++) for (const [k, call] of calls.entries()) rounds[k]?.push(round(call, perRound));
  return rounds.map((all) => all.sort((x, y) => x - y)[5] ?? Number.NaN) as { [K in keyof Calls]: number };
}

/** A list that is asked for the first time gets its memory in the background, in turns of the event loop that a measurement does not give. */
async function memoryMade(store: Store, list: string): Promise<void> {
  await store.withFacts(nowMs, (facts) => facts.inList(list, ""));
  for (let busy = 1; busy > 0.2; ) {
    const before = performance.eventLoopUtilization();
    await setTimeout(500);
    busy = performance.eventLoopUtilization(before).utilization;
  }
}

/** What garbage took is given back to the system a while after it was collected. */
async function rssMb(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await setTimeout(500);
  }
  return process.memoryUsage().rss / 2 ** 20;
}

/** A value of the same length whatever the list's size; drawn anew for each question, so that no cache holds just what is asked. */
const memberAt = (prefix: string, i: number) => `${prefix}-${String(i).padStart(7, "0")}`;
const draw = (prefix: string, from: number) => memberAt(prefix, Math.floor(Math.random() * from));

/** Resident memory of a process that has just opened the database and asked each list 100 000 times; the median of five processes. */
function freshRssMb(path: string, asked: readonly List[]): number {
  // With the flag that `npm start` has.
  const flags = ["--expose-gc", "--max-semi-space-size=8"];
  const own = () => Number(spawnSync(process.execPath, [...flags, import.meta.filename, path, ...asked], { encoding: "utf8" }).stdout);
  return Array.from({ length: 5 }, own).sort((x, y) => x - y)[2] ?? Number.NaN;
}

async function tellRss(path: string, asked: readonly List[]): Promise<void> {
  const store = await openSqliteStore({ path });
  for (const list of asked) await memoryMade(store, list);
  for (const list of asked) {
    for (let i = 0; i < 100_000; i++) store.withFacts(nowMs, (facts) => facts.inList(list, draw("user", lists[list])));
  }
  process.stdout.write(String(await rssMb()));
  await store.close();
}

async function measure(folder: string): Promise<void> {
  const line = (what: string, value: string) => process.stdout.write(`${what.padEnd(66)} ${value}\n`);
  const path = join(folder, "bench.db");
  let store = await openSqliteStore({ path });
  for (const list of Object.keys(lists)) {
    const policy = compiled(policyText(list));
    await store.publishPolicy({ version: policy.version, text: policy.text, author: "", reason: "", publishTimeMs: nowMs });
    await store.pointPolicy({ pointer: "live", version: policy.version, author: "", reason: "", timeMs: nowMs }, policy.lists);
  }
  await fill(store, "protected", 100, (i) => `protected name ${i}`);
  await fill(store, "small", lists.small, (i) => memberAt("user", i));
  await store.close();
  const rssBefore = freshRssMb(path, ["small"]);

  store = await openSqliteStore({ path });
  const start = performance.now();
  await fill(store, "large", lists.large, (i) => memberAt("user", i));
  line("filling a list of 1 000 000 entries", `${((performance.now() - start) / 1000).toFixed(1)} s`);
  await store.close();
  const rssAfter = freshRssMb(path, ["small", "large"]);
  line("resident memory without and with 1 000 000 entries", `${rssBefore.toFixed(0)} MB, ${rssAfter.toFixed(0)} MB`);

  store = await openSqliteStore({ path });
  await memoryMade(store, "large");
  const factsOf = createFactsOf();
  const asking = (policy: CompiledPolicy, operatorOf: (i: number) => string) => (i: number) => {
    const value = create(CreateAccountSchema, { operator: operatorOf(i), owner: `ow-${i % 991}`, name: "My own channel" });
    const question: Question = { appId: 1, locale: "", origin: undefined, nowMs, subject: { case: "createAccount", value } };
    void store.withFacts(nowMs, (stored) => evaluate(policy, question, createLiveWorld(factsOf(stored, 1, policy), [])));
  };
  const two = ([small, large]: readonly [number, number]) =>
    `${small.toFixed(2)} µs, ${large.toFixed(2)} µs, ratio ${(large / small).toFixed(2)}`;
  const eachSize = (make: (list: List) => (i: number) => void) => costs([make("small"), make("large")] as const);

  line("columns below: lists of 1 000 and of 1 000 000 entries", "processor time a question");
  line("50 rules: 20 apply, 3 ask lists, 1 a quota", two(eachSize((list) => asking(compiled(policyText(list)), (i) => `op-${i % 997}`))));
  for (const [what, prefix] of [
    ["absent", "nobody"],
    ["present", "user"],
  ] as const) {
    // What making the values takes, and asking a rule that needs no list, is not the list's.
    const made = eachSize((list) => () => void draw(prefix, lists[list]));
    const plain = eachSize((list) => asking(oneRule(`operator != "x"`), () => draw(prefix, lists[list])));
    const facts = eachSize((list) => () => void store.withFacts(nowMs, (stored) => stored.inList(list, draw(prefix, lists[list]))));
    const rule = eachSize((list) => asking(oneRule(`inList(operator, "${list}")`), () => draw(prefix, lists[list])));
    line(`a policy of one rule with inList, ${what}`, two([rule[0] - made[0], rule[1] - made[1]]));
    line("  of the same with a rule that asks no list", two([plain[0] - made[0], plain[1] - made[1]]));
    line(`inList of the store alone, ${what}`, two([facts[0] - made[0], facts[1] - made[1]]));
  }

  const phrases = Array.from({ length: phraseCount }, (_, i) => `forbidden phrase number ${i}`);
  const matcher = createPhraseMatcher(phrases, normalForms);
  const name =
    "a name of one hundred and fifty bytes with forbidden phrase numbers in it but none that is on the list of forbidden phrases which is long enough now";
  const [matching] = costs([() => void matcher.matches(name)] as const);
  line(`matchesList over 10 000 phrases, a name of ${Buffer.byteLength(name)} bytes`, `${matching.toFixed(2)} µs`);
  await store.close();
}

const [openPath, ...asked] = process.argv.slice(2);
if (openPath !== undefined) {
  await tellRss(openPath, asked as List[]);
} else {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  try {
    await measure(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
