// Policies over the real store: the order of changes, and versions that the engine of today does not take.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { createPolicies, type PolicyDeps } from "../../src/moderation/policies.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";

const by = { author: "ann", reason: "" };
const named = (name: string) => `name: ${name}\n`;

async function start(deps: Partial<PolicyDeps> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-policies-"));
  const store = await openSqliteStore({ path: join(folder, "test.db") });
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  let nowMs = 1000;
  const refused = new Set<string>();
  const compile: PolicyDeps["compile"] = async (text) =>
    refused.has(text) ? { policy: undefined, problems: [{ line: 1, column: 1, message: "not any more" }] } : compilePolicy(text);
  const policies = createPolicies({ store, compile, onChanged() {}, signals: new Set(), now: () => nowMs++, ...deps });
  return { store, policies, refused };
}

test("a change is answered when onChanged has dealt with it, and changes follow one another", async () => {
  const told: string[] = [];
  const { policies } = await start({
    async onChanged(pointer, version) {
      told.push(`${pointer} ${version?.slice(0, 4)} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      told.push(`${pointer} ${version?.slice(0, 4)} ends`);
    },
  });
  const [a, b] = [await policies.publish(named("a"), by, undefined), await policies.publish(named("b"), by, undefined)];
  expect(told).toEqual([]);
  await Promise.all([
    policies.activate(a.version, "live", by),
    policies.activate(b.version, "live", by),
    policies.activate(a.version, "shadow", by),
    policies.clearShadow(by),
    policies.rollBack(by),
  ]);
  const [va, vb] = [a.version.slice(0, 4), b.version.slice(0, 4)];
  const changes = [`live ${va}`, `live ${vb}`, `shadow ${va}`, "shadow undefined", `live ${va}`];
  expect(told).toEqual(changes.flatMap((change) => [`${change} begins`, `${change} ends`]));
});

test("a change that onChanged fails on fails, and the next one goes on", async () => {
  let fails = true;
  const { policies } = await start({
    onChanged() {
      if (fails) throw new Error("not now");
    },
  });
  await expect(policies.publish(named("a"), by, "live")).rejects.toThrow("not now");
  fails = false;
  expect(await policies.publish(named("b"), by, "live")).toMatchObject({ name: "b", pointers: ["live"] });
});

test("a version that this engine does not take is kept, and cannot be activated, gone back to or told apart", async () => {
  const { store, policies, refused } = await start();
  const old = await policies.publish(named("old"), by, "live");
  const { version } = await policies.publish(named("new"), by, "live");
  refused.add(named("old"));
  const invalid = { reason: ErrorReason.INVALID_POLICY, fields: [{ field: "1:1", description: "not any more" }] };
  await expect(policies.activate(old.version, "shadow", by)).rejects.toMatchObject(invalid);
  await expect(policies.rollBack(by)).rejects.toMatchObject(invalid);
  await expect(policies.diff({ version: old.version }, { version })).rejects.toMatchObject(invalid);
  expect((await store.getPointedPolicy("live"))?.version).toBe(version);
  const fresh = createPolicies({
    store,
    signals: new Set(),
    compile: async (text) => (refused.has(text) ? { policy: undefined, problems: [] } : compilePolicy(text)),
    onChanged() {},
    now: () => 0,
  });
  expect((await fresh.list({ size: 10 })).items.map(({ name, pointers }) => [name, pointers])).toEqual([
    ["new", ["live"]],
    ["", []],
  ]);
});

test("pointing at what is pointed at leaves no activation", async () => {
  const { policies } = await start();
  const { version } = await policies.publish(named("a"), by, "live");
  await policies.activate(version, "live", by);
  await policies.publish(named("a"), by, "live");
  expect((await policies.activations({ size: 10 })).items).toHaveLength(1);
  await expect(policies.rollBack(by)).rejects.toMatchObject({ reason: ErrorReason.NO_EARLIER_POLICY });
});
