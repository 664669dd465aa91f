// What the contract says of lists.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { ListChange } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import type { EntryFilter, Store } from "../../../src/storage/storage.ts";
import { baseMs, confusableIds, expiringEntry, inByteOrder, listEntry } from "../samples.ts";
import {
  eachWithStore,
  expectMalformedPositionsRefused,
  expectReason,
  factsAt,
  makeLists,
  type OpenStore,
  removal,
  walk,
} from "./opened-store.ts";

export function listsConformance(open: OpenStore): void {
  describe("lists", () => {
    const current = eachWithStore(open);

    it("that are not there can be neither edited nor listed, and hold nothing", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      expect(await store.addEntries("Staff", [listEntry("a")])).toEqual({ kind: "unknown_list" });
      expect(await store.removeEntries("staff ", ["a"], removal)).toEqual({ kind: "unknown_list" });
      expect(await store.listEntries("other", {}, { size: 10 })).toBeUndefined();
      expect(await isOn(store, "other", "a")).toBe(false);
      expect(await store.listEdits("other", undefined, { size: 10 })).toBeUndefined();
      expect((await store.listLists()).map(({ list }) => list)).toEqual(["staff"]);
    });

    it("count the values that were added or removed, not those that were there or not there before", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      expect(await store.addEntries("staff", [listEntry("a"), listEntry("b")])).toEqual({ kind: "edited", count: 2 });
      expect(await store.addEntries("staff", [listEntry("b"), listEntry("c"), listEntry("c")])).toEqual({ kind: "edited", count: 1 });
      expect(await store.removeEntries("staff", ["a", "a", "x"], removal)).toEqual({ kind: "edited", count: 1 });
      expect(await store.removeEntries("staff", [], removal)).toEqual({ kind: "edited", count: 0 });
      expect(await values(store, "staff")).toEqual(["b", "c"]);
    });

    it("keep the create_time of a value that is there, and give it the rest anew", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await store.addEntries("staff", [listEntry("a", "first", baseMs)]);
      const rest = { author: "ann", source: "ticket 7", expireTime: timestampFromMs(baseMs + 9) };
      await store.addEntries("staff", [listEntry("a", "second", baseMs + 1, rest)]);
      expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "second", baseMs, rest)]);
      await store.addEntries("staff", [listEntry("a", "third", baseMs + 2)]);
      expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "third", baseMs)]);
      await store.removeEntries("staff", ["a"], removal);
      await store.addEntries("staff", [listEntry("a", "", baseMs + 2)]);
      expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "", baseMs + 2)]);
    });

    it("take the last of the entries that name one value", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await store.addEntries("staff", [listEntry("a", "first", baseMs), listEntry("a", "last", baseMs + 1)]);
      expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "last", baseMs + 1)]);
    });

    it("hold values byte for byte and list them in that order, in pages that meet each exactly once", async () => {
      const { store } = current();
      await makeLists(store, "staff", "other");
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
        const listed = await walk((page) => store.listEntries("staff", {}, page), size);
        expect(listed.map(({ value }) => value)).toEqual(inByteOrder(confusableIds));
      }
      for (const value of confusableIds) expect(await isOn(store, "other", value), value).toBe(half.includes(value));
      await store.removeEntries("staff", half, removal);
      for (const value of confusableIds) expect(await isOn(store, "staff", value), value).toBe(!half.includes(value));
    });

    it("are met exactly once in a walk during which others come and go", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      const staying = Array.from({ length: 20 }, (_, index) => `s${String(index).padStart(2, "0")}`);
      await store.addEntries(
        "staff",
        staying.flatMap((value) => [listEntry(value), listEntry(`${value}-gone`)]),
      );
      let round = 0;
      const met = await walk(async (page) => {
        await store.removeEntries("staff", [`s${String(round).padStart(2, "0")}-gone`], removal);
        await store.addEntries("staff", [listEntry(`n${round}`)]);
        round += 1;
        return store.listEntries("staff", {}, page);
      }, 3);
      expect(met.map(({ value }) => value).filter((value) => staying.includes(value))).toEqual(staying);
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await expectMalformedPositionsRefused((page) => store.listEntries("staff", {}, page));
    });

    it("are listed by name, with how many entries they have, expired ones included", async () => {
      const { store } = current();
      await makeLists(store, "staff", "Zoo", "banned");
      await store.addEntries("staff", [listEntry("a"), listEntry("b"), expiringEntry("c", baseMs - 1)]);
      await store.addEntries("staff", [listEntry("b", "again")]);
      await store.removeEntries("staff", ["a", "x"], removal);
      expect((await store.listLists()).map(({ list, entryCount }) => [list, entryCount])).toEqual([
        ["Zoo", 0n],
        ["banned", 0n],
        ["staff", 2n],
      ]);
    });
  });

  describe("entries", () => {
    const current = eachWithStore(open);

    it("are listed by prefix, byte for byte, in pages that meet each exactly once", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      const all = [...confusableIds, "ab", "a%", "aB", "a\uffee", "a😀", "\u{10ffff}", "\u{10ffff}b", "\ud7ffx", "\ue000", "🙂", "😀x"];
      await addValues(store, "staff", all);
      for (const prefix of ["", "a", "a ", "A", "%", "_", "\\", "😀", "\u{10ffff}", "\ud7ff", "b"]) {
        const expected = inByteOrder(all.filter((value) => value.startsWith(prefix)));
        for (const size of [1, 4, 1000]) expect(await search(store, { prefix }, size), prefix).toEqual(expected);
      }
    });

    it("are listed by what value, reason, author or source has in it, byte for byte", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await store.addEntries("staff", [
        listEntry("a-needle-1"),
        listEntry("a2", "a needle"),
        listEntry("a3", "", baseMs, { author: "needle" }),
        listEntry("b4", "", baseMs, { source: "needles" }),
        listEntry("a5", "Needle", baseMs, { author: "n_edle", source: "nee" }),
        listEntry("a6", "ＮＥＥＤＬＥ 不%"),
      ]);
      expect(await search(store, { contains: "needle" })).toEqual(["a-needle-1", "a2", "a3", "b4"]);
      expect(await search(store, { contains: "needle", prefix: "a" }, 2)).toEqual(["a-needle-1", "a2", "a3"]);
      expect(await search(store, { contains: "" })).toHaveLength(6);
      for (const [contains, values] of [
        ["不%", ["a6"]],
        ["n_e", ["a5"]],
        ["%", ["a6"]],
        ["needle ", []],
      ] as const) {
        expect(await search(store, { contains })).toEqual(values);
      }
    });

    it("are met exactly once in a search through a long list", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      for (let from = 0; from < 12_000; from += 1000) {
        await addValues(
          store,
          "staff",
          Array.from({ length: 1000 }, (_, index) => `v${from + index}`),
        );
      }
      const expected = inByteOrder(Array.from({ length: 12_000 }, (_, index) => `v${index}`).filter((value) => value.includes("77")));
      for (const size of [7, 1000]) expect(await search(store, { contains: "77" }, size)).toEqual(expected);
      expect(await search(store, { contains: "77", prefix: "v1" }, 1000)).toEqual(expected.filter((value) => value.startsWith("v1")));
    });

    it("are not listed after a position of another prefix", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await addValues(store, "staff", ["a1", "a2", "b1"]);
      const { next = "" } = (await store.listEntries("staff", { prefix: "a" }, { size: 1 })) ?? {};
      await expectReason(() => store.listEntries("staff", { prefix: "b" }, { size: 1, after: next }), ErrorReason.INVALID_PAGE_TOKEN);
    });
  });

  describe("edits", () => {
    const current = eachWithStore(open);

    it("are one for each value that is new or changed or removed, the latest first", async () => {
      const { store } = current();
      await makeLists(store, "staff", "other");
      const details = { author: "ann", source: "ticket", expireTime: timestampFromMs(baseMs + 99) };
      await store.addEntries("staff", [listEntry("a", "why", baseMs, details), listEntry("b", "", baseMs)]);
      await store.addEntries("staff", [listEntry("b", "", baseMs + 1), listEntry("a", "why", baseMs + 1, { ...details, source: "" })]);
      await store.addEntries("other", [listEntry("a")]);
      await store.removeEntries("staff", ["x", "b", "b"], { author: "bob", reason: "gone", timeMs: baseMs + 2 });
      await store.addEntries("staff", [listEntry("b", "first", baseMs + 3), listEntry("b", "last", baseMs + 3)]);
      const edits = [
        { value: "b", change: ListChange.ADDED, reason: "last", editTime: timestampFromMs(baseMs + 3) },
        { value: "b", change: ListChange.REMOVED, author: "bob", reason: "gone", source: "", editTime: timestampFromMs(baseMs + 2) },
        { value: "a", change: ListChange.CHANGED, reason: "why", ...details, source: "", editTime: timestampFromMs(baseMs + 1) },
        { value: "b", change: ListChange.ADDED, author: "", reason: "", source: "", editTime: timestampFromMs(baseMs) },
        { value: "a", change: ListChange.ADDED, reason: "why", ...details, editTime: timestampFromMs(baseMs) },
      ];
      for (const size of [1, 2, 1000]) {
        expect(await walk((page) => store.listEdits("staff", undefined, page), size)).toMatchObject(edits);
        const ofValue = await walk((page) => store.listEdits("staff", "b", page), size);
        expect(ofValue).toMatchObject(edits.filter(({ value }) => value === "b"));
      }
      expect((await store.listEdits("staff", undefined, { size: 10 }))?.items[1]?.expireTime).toBeUndefined();
      expect(await store.listEdits("staff", "B", { size: 10 })).toEqual({ items: [] });
    });

    it("are none for a value that is there just so, or not there", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      const entry = listEntry("a", "why", baseMs, { author: "ann", source: "s", expireTime: timestampFromMs(baseMs) });
      await store.addEntries("staff", [entry]);
      await store.addEntries("staff", [{ ...entry, createTime: timestampFromMs(baseMs + 5) }]);
      await store.removeEntries("staff", ["x"], removal);
      expect((await store.listEdits("staff", undefined, { size: 10 }))?.items).toHaveLength(1);
    });

    it("are there after reopening, and are not listed after a position that the store cannot have given", async () => {
      await makeLists(current().store, "staff");
      await addValues(current().store, "staff", ["a", "b"]);
      const store = await current().reopen();
      expect((await store.listEdits("staff", undefined, { size: 10 }))?.items).toMatchObject([{ value: "b" }, { value: "a" }]);
      await expectMalformedPositionsRefused((page) => store.listEdits("staff", undefined, page));
    });
  });
}

function addValues(store: Store, list: string, added: readonly string[]) {
  return store.addEntries(
    list,
    added.map((value) => listEntry(value)),
  );
}

/** Whether the value is on the list, by the facts. */
function isOn(store: Store, list: string, value: string): Promise<boolean> {
  return factsAt(store, baseMs, (facts) => facts.inList(list, value));
}

function values(store: Store, list: string): Promise<string[]> {
  return search(store, {}, 100, list);
}

async function search(store: Store, filter: EntryFilter, size = 1000, list = "staff"): Promise<string[]> {
  const entries = await walk((page) => store.listEntries(list, filter, page), size);
  return entries.map(({ value }) => value);
}
