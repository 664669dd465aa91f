// What the contract says of lists, of the facts that rules ask, and of policies.
import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/storage/storage.ts";
import { baseMs, confusableIds, inByteOrder, listEntry, samplePolicy } from "../samples.ts";
import { eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

const policy = samplePolicy("name: first");

export function listsConformance(open: OpenStore): void {
  describe("lists", () => {
    const current = eachWithStore(open);

    it("that are not there can be neither edited nor listed, and hold nothing", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      expect(await store.addEntries("Staff", [listEntry("a")])).toEqual({ kind: "unknown_list" });
      expect(await store.removeEntries("staff ", ["a"])).toEqual({ kind: "unknown_list" });
      expect(await store.listEntries("other", { size: 10 })).toBeUndefined();
      expect(await isOn(store, "other", "a")).toBe(false);
      expect(await store.listNames()).toEqual(["staff"]);
    });

    it("count the values that were added or removed, not those that were there or not there before", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      expect(await store.addEntries("staff", [listEntry("a"), listEntry("b")])).toEqual({ kind: "edited", count: 2 });
      expect(await store.addEntries("staff", [listEntry("b"), listEntry("c"), listEntry("c")])).toEqual({ kind: "edited", count: 1 });
      expect(await store.removeEntries("staff", ["a", "a", "x"])).toEqual({ kind: "edited", count: 1 });
      expect(await store.removeEntries("staff", [])).toEqual({ kind: "edited", count: 0 });
      expect(await values(store, "staff")).toEqual(["b", "c"]);
    });

    it("keep the create_time of a value that is there, and give it the new reason", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      await store.addEntries("staff", [listEntry("a", "first", baseMs)]);
      await store.addEntries("staff", [listEntry("a", "second", baseMs + 1)]);
      expect((await store.listEntries("staff", { size: 10 }))?.items).toEqual([listEntry("a", "second", baseMs)]);
      await store.removeEntries("staff", ["a"]);
      await store.addEntries("staff", [listEntry("a", "", baseMs + 2)]);
      expect((await store.listEntries("staff", { size: 10 }))?.items).toEqual([listEntry("a", "", baseMs + 2)]);
    });

    it("take the last of the entries that name one value", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      await store.addEntries("staff", [listEntry("a", "first", baseMs), listEntry("a", "last", baseMs + 1)]);
      expect((await store.listEntries("staff", { size: 10 }))?.items).toEqual([listEntry("a", "last", baseMs + 1)]);
    });

    it("hold values byte for byte and list them in that order, in pages that meet each exactly once", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff", "other"]);
      const half = confusableIds.filter((_, index) => index % 2 === 0);
      await store.addEntries(
        "staff",
        confusableIds.map((value) => listEntry(value)),
      );
      await store.addEntries(
        "other",
        half.map((value) => listEntry(value)),
      );
      for (const size of [1, 4, 1000]) {
        const listed = await walk((page) => store.listEntries("staff", page), size);
        expect(listed.map(({ value }) => value)).toEqual(inByteOrder(confusableIds));
      }
      for (const value of confusableIds) expect(await isOn(store, "other", value), value).toBe(half.includes(value));
      await store.removeEntries("staff", half);
      for (const value of confusableIds) expect(await isOn(store, "staff", value), value).toBe(!half.includes(value));
    });

    it("are met exactly once in a walk during which others come and go", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      const staying = Array.from({ length: 20 }, (_, index) => `s${String(index).padStart(2, "0")}`);
      await store.addEntries(
        "staff",
        staying.flatMap((value) => [listEntry(value), listEntry(`${value}-gone`)]),
      );
      let round = 0;
      const met = await walk(async (page) => {
        await store.removeEntries("staff", [`s${String(round).padStart(2, "0")}-gone`]);
        await store.addEntries("staff", [listEntry(`n${round}`)]);
        round += 1;
        return store.listEntries("staff", page);
      }, 3);
      expect(met.map(({ value }) => value).filter((value) => staying.includes(value))).toEqual(staying);
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      await expectMalformedPositionsRefused((page) => store.listEntries("staff", page));
    });
  });

  describe("facts", () => {
    const current = eachWithStore(open);

    it("are no older than the last write that was answered", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      for (let i = 0; i < 20; i += 1) {
        expect(await isOn(store, "staff", "a")).toBe(false);
        await store.addEntries("staff", [listEntry("a")]);
        expect(await isOn(store, "staff", "a")).toBe(true);
        await store.removeEntries("staff", ["a"]);
      }
    });

    it("follow edits that overlap, in the order in which they were answered", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff", "other"]);
      const edits = Array.from({ length: 50 }, async (_, index) => {
        const value = `v${index % 5}`;
        await (index % 3 === 0 ? store.removeEntries("staff", [value]) : store.addEntries("staff", [listEntry(value)]));
        await isOn(store, "staff", value);
      });
      await Promise.all(edits);
      const onDisk = await values(store, "staff");
      for (let i = 0; i < 5; i += 1) expect(await isOn(store, "staff", `v${i}`)).toBe(onDisk.includes(`v${i}`));
    });

    it("are all from one moment", async () => {
      const { store } = current();
      await store.makePolicyLive(policy, ["staff"]);
      let running = true;
      const editing = (async () => {
        for (let i = 0; i < 30; i += 1) {
          await store.addEntries("staff", [listEntry("a"), listEntry("z")]);
          await store.removeEntries("staff", ["a", "z"]);
        }
        running = false;
      })();
      while (running) {
        const [a, z] = await store.withFacts((facts) => [facts.inList("staff", "a"), facts.inList("staff", "z")]);
        expect(a).toBe(z);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await editing;
    });

    it("pass on what was asked, and the errors of asking as they are", async () => {
      const { store } = current();
      expect(await store.withFacts(() => "answer")).toBe("answer");
      const mistake = new Error("mistake");
      const asking = Promise.resolve().then(() =>
        store.withFacts(() => {
          throw mistake;
        }),
      );
      await expect(asking).rejects.toBe(mistake);
    });
  });
}

/** Whether the value is on the list, by the facts. */
async function isOn(store: Store, list: string, value: string): Promise<boolean> {
  return store.withFacts((facts) => facts.inList(list, value));
}

async function values(store: Store, list: string): Promise<string[]> {
  const entries = await walk((page) => store.listEntries(list, page), 100);
  return entries.map(({ value }) => value);
}
