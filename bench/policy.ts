// What asking a policy costs: `npm run bench:policy`. A policy of 50 rules of which 20 apply and 3 ask lists, on the real store.
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

/** Microseconds a call: the median of seven rounds. */
function cost(call: (i: number) => void, calls = 50_000): number {
  for (let i = 0; i < calls; i++) call(i);
  const rounds = Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) call(i);
    return Number(process.hrtime.bigint() - start) / 1000 / calls;
  });
  return rounds.sort((a, b) => a - b)[3] ?? Number.NaN;
}

/** A list that is asked for the first time gets its filter in the background, in turns of the event loop that a measurement does not give. */
async function filterMade(store: Store, list: string): Promise<void> {
  await store.withFacts(nowMs, (facts) => facts.inList(list, ""));
  await setTimeout(2000);
}

function rssMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
const line = (what: string, value: string) => process.stdout.write(`${what.padEnd(66)} ${value}\n`);
try {
  const store = await openSqliteStore({ path: join(folder, "bench.db") });
  for (const list of Object.keys(lists)) {
    const policy = compiled(policyText(list));
    await store.publishPolicy({ version: policy.version, text: policy.text, author: "", reason: "", publishTimeMs: nowMs });
    await store.pointPolicy({ pointer: "live", version: policy.version, author: "", reason: "", timeMs: nowMs }, policy.lists);
  }
  await fill(store, "protected", 100, (i) => `protected name ${i}`);
  await fill(store, "small", lists.small, (i) => `user-${i}`);
  await filterMade(store, "small");
  const factsOf = createFactsOf();
  const question = (i: number): Question => ({
    appId: 1,
    locale: "",
    origin: undefined,
    nowMs,
    subject: {
      case: "createAccount",
      value: create(CreateAccountSchema, { operator: `op-${i % 997}`, owner: `ow-${i % 991}`, name: "My own channel" }),
    },
  });
  const ask = (policy: CompiledPolicy) => (i: number) => {
    const asked = question(i);
    store.withFacts(nowMs, (stored) => evaluate(policy, asked, createLiveWorld(factsOf(stored, 1, policy), [])));
  };
  line("50 rules, 20 apply, 3 ask lists of 1 000 entries", `${cost(ask(compiled(policyText("small")))).toFixed(2)} µs a decision`);

  const before = rssMb();
  const start = performance.now();
  await fill(store, "large", lists.large, (i) => `user-${i}`);
  line("filling a list of 1 000 000 entries", `${((performance.now() - start) / 1000).toFixed(1)} s`);
  await filterMade(store, "large");
  line("growth of the process that filled it, with what filling left", `${(rssMb() - before).toFixed(0)} MB`);
  line("50 rules, 20 apply, 3 ask lists of 1 000 000 entries", `${cost(ask(compiled(policyText("large")))).toFixed(2)} µs a decision`);

  // Drawn at random, so that no cache holds just what is asked.
  const drawn = (prefix: string, from: number) => Array.from({ length: 50_000 }, () => `${prefix}-${Math.floor(Math.random() * from)}`);
  const inList = (list: string, values: readonly string[]) =>
    cost((i) => void store.withFacts(nowMs, (facts) => facts.inList(list, values[i] ?? "")));
  for (const [what, prefix] of [
    ["absent", "nobody"],
    ["present", "user"],
  ] as const) {
    const [small, large] = [inList("small", drawn(prefix, lists.small)), inList("large", drawn(prefix, lists.large))];
    line(
      `inList, ${what}: 1 000 and 1 000 000 entries`,
      `${small.toFixed(2)} µs, ${large.toFixed(2)} µs, ratio ${(large / small).toFixed(2)}`,
    );
  }

  const phrases = Array.from({ length: phraseCount }, (_, i) => `forbidden phrase number ${i}`);
  const matcher = createPhraseMatcher(phrases, normalForms);
  const name =
    "a name of one hundred and fifty bytes with forbidden phrase numbers in it but none that is on the list of forbidden phrases which is long enough now";
  line(
    `matchesList over 10 000 phrases, a name of ${Buffer.byteLength(name)} bytes`,
    `${cost(() => void matcher.matches(name)).toFixed(2)} µs`,
  );
  await store.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
