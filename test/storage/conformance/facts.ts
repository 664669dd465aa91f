// What the contract says of the facts that rules ask of lists.
import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/storage/storage.ts";
import { baseMs, expiringEntry, listEntry } from "../samples.ts";
import { eachWithStore, factsAt, makeLists, type OpenStore, removal } from "./opened-store.ts";

export function factsConformance(open: OpenStore): void {
  describe("facts", () => {
    const current = eachWithStore(open);

    it("are no older than the last write that was answered", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      for (let i = 0; i < 20; i += 1) {
        expect(await isOn(store, "staff", "a")).toBe(false);
        await store.addEntries("staff", [listEntry("a")]);
        expect(await isOn(store, "staff", "a")).toBe(true);
        await store.removeEntries("staff", ["a"], removal);
      }
    });

    it("follow edits that overlap, in the order in which they were answered", async () => {
      const { store } = current();
      await makeLists(store, "staff", "other");
      const edits = Array.from({ length: 50 }, async (_, index) => {
        const value = `v${index % 5}`;
        await (index % 3 === 0 ? store.removeEntries("staff", [value], removal) : store.addEntries("staff", [listEntry(value)]));
        await isOn(store, "staff", value);
      });
      await Promise.all(edits);
      const onDisk = (await store.listEntries("staff", {}, { size: 100 }))?.items.map(({ value }) => value) ?? [];
      for (let i = 0; i < 5; i += 1) expect(await isOn(store, "staff", `v${i}`)).toBe(onDisk.includes(`v${i}`));
    });

    it("are all from one moment", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      let running = true;
      const editing = (async () => {
        for (let i = 0; i < 30; i += 1) {
          await store.addEntries("staff", [listEntry("a"), listEntry("z")]);
          await store.removeEntries("staff", ["a", "z"], removal);
        }
        running = false;
      })();
      while (running) {
        const [a, z] = await store.withFacts(baseMs, (facts) => [facts.inList("staff", "a"), facts.inList("staff", "z")]);
        expect(a).toBe(z);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await editing;
    });

    it("pass on what was asked, and the errors of asking as they are", async () => {
      const { store } = current();
      expect(await store.withFacts(baseMs, () => "answer")).toBe("answer");
      const mistake = new Error("mistake");
      const asking = Promise.resolve().then(() =>
        store.withFacts(baseMs, () => {
          throw mistake;
        }),
      );
      await expect(asking).rejects.toBe(mistake);
    });

    it("count an entry until it expires, and not from then on", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await store.addEntries("staff", [expiringEntry("a", baseMs + 10), listEntry("b"), expiringEntry("c", baseMs - 10)]);
      const ask = (nowMs: number) =>
        factsAt(store, nowMs, (facts) => [
          ["a", "b", "c"].filter((value) => facts.inList("staff", value)),
          facts.listValues("staff").toSorted(),
        ]);
      expect(await ask(baseMs + 9)).toEqual([
        ["a", "b"],
        ["a", "b"],
      ]);
      expect(await ask(baseMs + 10)).toEqual([["b"], ["b"]]);
      expect(await ask(baseMs - 11)).toEqual([
        ["a", "b", "c"],
        ["a", "b", "c"],
      ]);
      await store.addEntries("staff", [listEntry("a"), expiringEntry("b", baseMs)]);
      expect(await ask(baseMs + 10)).toEqual([["a"], ["a"]]);
    });

    it("know nothing of a list that is not there", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      for (const list of ["Staff", "", "other"]) {
        const facts = await factsAt(store, baseMs, (stored) => [
          stored.inList(list, "a"),
          stored.listVersion(list),
          stored.listValues(list),
        ]);
        expect(facts).toEqual([false, 0, []]);
      }
    });

    it("have another version of a list whenever its unexpired entries are others", async () => {
      const { store } = current();
      await makeLists(store, "staff", "other");
      const seen = new Map<number, string>();
      const look = async (nowMs: number) => {
        const [version, values] = await factsAt(store, nowMs, (facts) => [facts.listVersion("staff"), facts.listValues("staff")] as const);
        expect(version).not.toBe(0);
        const inOrder = JSON.stringify(values.toSorted());
        expect(seen.get(version) ?? inOrder).toBe(inOrder);
        seen.set(version, inOrder);
      };
      const edits = [
        () => store.addEntries("staff", [listEntry("a"), expiringEntry("b", baseMs + 10)]),
        () => store.addEntries("staff", [expiringEntry("c", baseMs + 20), expiringEntry("d", baseMs + 20)]),
        () => store.addEntries("staff", [expiringEntry("a", baseMs + 15)]),
        () => store.removeEntries("staff", ["d"], removal),
        () => store.addEntries("other", [expiringEntry("b", baseMs + 12)]),
        () => store.removeEntries("staff", ["a", "b", "c"], removal),
        () => store.addEntries("staff", [listEntry("a")]),
      ];
      for (const edit of edits) {
        const editing = edit();
        await look(baseMs);
        await editing;
        for (const afterMs of [0, 9, 10, 14, 15, 19, 20, 30, 12, 0]) await look(baseMs + afterMs);
      }
      expect(seen.size).toBeGreaterThan(edits.length);
    });

    it("find every value of a long list, also while it grows and right after opening, and no other", async () => {
      await makeLists(current().store, "staff");
      expect(await isOn(current().store, "staff", "v0")).toBe(false);
      const values = Array.from({ length: 5000 }, (_, index) => `v${index}`);
      for (let from = 0; from < values.length; from += 1000) {
        await current().store.addEntries(
          "staff",
          values.slice(from, from + 1000).map((value) => listEntry(value)),
        );
        const missing = await factsAt(current().store, baseMs, (facts) =>
          values.slice(0, from + 1000).filter((value) => !facts.inList("staff", value)),
        );
        expect(missing).toEqual([]);
      }
      const store = await current().reopen();
      const added: string[] = [];
      for (let round = 0; round < 30; round += 1) {
        const value = `${round}-added`;
        const adding = store.addEntries("staff", [listEntry(value)]);
        const wrong = await factsAt(store, baseMs, (facts) => [
          ...[...values, ...added].filter((known) => !facts.inList("staff", known)),
          ...values.filter((known) => facts.inList("staff", `${known} `)),
        ]);
        expect(wrong).toEqual([]);
        await adding;
        added.push(value);
      }
    });
  });
}

/** Whether the value is on the list, by the facts. */
function isOn(store: Store, list: string, value: string): Promise<boolean> {
  return factsAt(store, baseMs, (facts) => facts.inList(list, value));
}
