// What the contract says of policies.
import { describe, expect, it } from "vitest";
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import type { NewActivation, Store } from "../../../src/storage/storage.ts";
import { baseMs, listEntry, sampleDecision, samplePolicy } from "../samples.ts";
import { append, eachWithStore, expectMalformedPositionsRefused, goLive, type OpenStore, walk } from "./opened-store.ts";

export function policiesConformance(open: OpenStore): void {
  describe("policies", () => {
    const current = eachWithStore(open);
    const first = samplePolicy("name: first");
    const second = samplePolicy("name: second # 不 😀\n", baseMs - 5);

    it("are none before the first was published, and nothing points at one", async () => {
      const { store } = current();
      expect(await store.getPolicy(first.version)).toBeUndefined();
      expect(await store.getPointedPolicy("live")).toBeUndefined();
      expect(await store.getPointedPolicy("shadow")).toBeUndefined();
      expect(await store.listPolicies({ size: 10 })).toEqual({ items: [] });
      expect(await store.listActivations({ size: 10 })).toEqual({ items: [] });
    });

    it("are read as they were published, also after reopening", async () => {
      const { store } = current();
      await store.publishPolicy(first);
      await store.publishPolicy(second);
      const again = await current().reopen();
      for (const policy of [first, second]) expect(await again.getPolicy(policy.version)).toEqual(policy);
      expect(await again.getPointedPolicy("live")).toBeUndefined();
    });

    it("stay as they were first published", async () => {
      const { store } = current();
      await Promise.all([store.publishPolicy(first), store.publishPolicy({ ...first, author: "bob", reason: "again", publishTimeMs: 1 })]);
      await store.publishPolicy(second);
      await store.publishPolicy({ ...first, text: "other" });
      expect(await store.getPolicy(first.version)).toEqual(first);
      expect((await store.listPolicies({ size: 10 })).items).toEqual([second, first]);
    });

    it("are found by the beginning of their version when that names only one", async () => {
      const { store } = current();
      const versions = ["0123456789", "0123456799", "ffffffffff"].map((digits) => digits.padEnd(64, digits.slice(-1)));
      for (const version of versions) await store.publishPolicy({ ...first, version });
      await append(store, sampleDecision({ policyVersion: "0123456777".padEnd(64, "7") }));
      expect((await store.getPolicy("01234567899"))?.version).toBe(versions[0]);
      expect((await store.getPolicy("012345679"))?.version).toBe(versions[1]);
      expect((await store.getPolicy("ffffffff"))?.version).toBe(versions[2]);
      for (const unclear of ["01234567", "0123456777", "FFFFFFFF", "fffffffe", "%", "________"]) {
        expect(await store.getPolicy(unclear), unclear).toBeUndefined();
      }
    });

    it("are listed, the latest published first, in pages that meet each exactly once", async () => {
      const { store } = current();
      const policies = Array.from({ length: 7 }, (_, index) => samplePolicy(`name: p${index}`, baseMs - index));
      for (const policy of policies) await store.publishPolicy(policy);
      for (const size of [1, 3, 7, 1000]) expect(await walk((page) => store.listPolicies(page), size)).toEqual(policies.toReversed());
      await expectMalformedPositionsRefused((page) => store.listPolicies(page));
    });

    it("get their text also when a decision named their version before", async () => {
      const { store } = current();
      const id = await append(store, sampleDecision({ policyVersion: first.version }));
      expect(await store.getPolicy(first.version)).toBeUndefined();
      expect(await point(store, { version: first.version })).toBe(false);
      await store.publishPolicy(first);
      expect(await store.getPolicy(first.version)).toEqual(first);
      expect((await store.getDecision(id))?.policyVersion).toBe(first.version);
    });
  });

  describe("pointers", () => {
    const current = eachWithStore(open);
    const first = samplePolicy("name: first");
    const second = samplePolicy("name: second");

    it("point each at the version that it was last pointed at, or at none, also after reopening", async () => {
      const { store } = current();
      await store.publishPolicy(first);
      await store.publishPolicy(second);
      for (const policy of [first, second, first]) {
        expect(await point(store, { version: policy.version })).toBe(true);
        expect(await store.getPointedPolicy("live")).toEqual(policy);
        expect(await store.getPointedPolicy("shadow")).toBeUndefined();
      }
      expect(await point(store, { pointer: "shadow", version: second.version })).toBe(true);
      const again = await current().reopen();
      expect(await again.getPointedPolicy("live")).toEqual(first);
      expect(await again.getPointedPolicy("shadow")).toEqual(second);
      expect(await point(again, { pointer: "shadow", version: undefined })).toBe(true);
      expect(await again.getPointedPolicy("shadow")).toBeUndefined();
      expect(await again.getPointedPolicy("live")).toEqual(first);
    });

    it("change nothing when there is no such version", async () => {
      const { store } = current();
      await goLive(store, first);
      expect(await point(store, { version: second.version }, ["staff"])).toBe(false);
      expect(await point(store, { version: first.version.slice(0, 10) }, ["staff"])).toBe(false);
      expect(await store.getPointedPolicy("live")).toEqual(first);
      expect(await store.listLists()).toEqual([]);
      expect((await store.listActivations({ size: 10 })).items).toHaveLength(1);
    });

    it("leave an activation each time they are set anew, the latest first, and none when they point there already", async () => {
      const { store } = current();
      await store.publishPolicy(first);
      await store.publishPolicy(second);
      const none = { pointer: "shadow", version: undefined, author: "", reason: "", timeMs: 1 } as const;
      expect(await store.pointPolicy(none, [])).toBe(true);
      const steps: NewActivation[] = [
        { pointer: "live", version: first.version, author: "ann", reason: "begin", timeMs: baseMs },
        { pointer: "shadow", version: second.version, author: "bob", reason: "", timeMs: baseMs + 1 },
        { pointer: "live", version: second.version, author: "", reason: "不 😀", timeMs: baseMs },
        { pointer: "shadow", version: undefined, author: "ann", reason: "end", timeMs: baseMs + 2 },
        { pointer: "live", version: undefined, author: "ann", reason: "none", timeMs: baseMs + 3 },
      ];
      for (const step of steps) {
        await Promise.all([store.pointPolicy(step, []), store.pointPolicy({ ...step, author: "again" }, [])]);
        expect(await store.pointPolicy({ ...step, author: "again" }, [])).toBe(true);
      }
      const previous = [undefined, undefined, first.version, second.version, second.version];
      const expected = steps.map((step, index) => ({ ...step, previousVersion: previous[index] })).toReversed();
      for (const size of [1, 2, 1000]) expect(await walk((page) => store.listActivations(page), size)).toEqual(expected);
      await expectMalformedPositionsRefused((page) => store.listActivations(page));
    });

    it("make the lists that are not there, and leave those that are with their kind and entries", async () => {
      const { store } = current();
      await store.publishPolicy(first);
      await store.publishPolicy(second);
      const pointAt = (version: string, lists: { name: string; kind: ListKind }[]) =>
        store.pointPolicy({ pointer: "live", version, author: "", reason: "", timeMs: baseMs }, lists);
      await pointAt(first.version, [
        { name: "staff", kind: ListKind.EXACT },
        { name: "banned", kind: ListKind.PATTERN },
      ]);
      await store.addEntries("staff", [listEntry("a", "why")]);
      await pointAt(second.version, [
        { name: "staff", kind: ListKind.GLOB },
        { name: "Zoo", kind: ListKind.CIDR },
        { name: "new", kind: ListKind.GLOB },
      ]);
      expect((await store.listLists()).map(({ list, kind, entryCount }) => [list, kind, entryCount])).toEqual([
        ["Zoo", ListKind.CIDR, 0n],
        ["banned", ListKind.PATTERN, 0n],
        ["new", ListKind.GLOB, 0n],
        ["staff", ListKind.EXACT, 1n],
      ]);
      expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "why")]);
      expect((await store.listEntries("new", {}, { size: 10 }))?.items).toEqual([]);
    });
  });
}

function point(store: Store, activation: Partial<NewActivation>, lists: string[] = []): Promise<boolean> {
  return store.pointPolicy(
    { pointer: "live", version: undefined, author: "", reason: "", timeMs: baseMs, ...activation },
    lists.map((name) => ({ name, kind: ListKind.EXACT })),
  );
}
