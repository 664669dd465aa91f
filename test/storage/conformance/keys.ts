// What the contract says of API keys.
import { describe, expect, it } from "vitest";
import { Role } from "../../../gen/gatehouse/v1/access_pb.ts";
import type { ApiKey } from "../../../src/storage/storage.ts";
import { baseMs, confusableIds, sampleKey } from "../samples.ts";
import { eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

export function keysConformance(open: OpenStore): void {
  describe("keys", () => {
    const current = eachWithStore(open);
    const rich = sampleKey("k1", {
      name: "不 😀",
      roles: [Role.VIEWER, Role.AUTHOR],
      appIds: [5, 0xffff_ffff],
      creator: "ann",
      expireTimeMs: baseMs + 1,
    });

    it("are read as they were made, also after reopening", async () => {
      const { store } = current();
      expect(await store.createKey(rich)).toBe(true);
      expect(await store.createKey(sampleKey("k2"))).toBe(true);
      for (const reopen of [false, true]) {
        const opened = reopen ? await current().reopen() : store;
        expect(await opened.getKey("k1")).toEqual(rich);
        expect(await opened.getKey("k2")).toEqual(sampleKey("k2"));
        expect(await opened.getKey("k3")).toBeUndefined();
      }
    });

    it("keep their id, also when they are revoked", async () => {
      const { store } = current();
      await store.createKey(rich);
      await store.revokeKey("k1", { revoker: "bob", timeMs: baseMs });
      expect(await store.createKey({ ...sampleKey("k1"), name: "other" })).toBe(false);
      expect(await store.getKey("k1")).toMatchObject({ name: "不 😀", revoker: "bob" });
    });

    it("have ids that are compared byte for byte", async () => {
      const { store } = current();
      for (const id of confusableIds) expect(await store.createKey(sampleKey(id, { name: id })), id).toBe(true);
      for (const id of confusableIds) expect((await store.getKey(id))?.name).toBe(id);
    });

    it("are revoked once, and stay as they are then", async () => {
      const { store } = current();
      expect(await store.revokeKey("k1", { revoker: "ann", timeMs: baseMs })).toBe(false);
      await store.createKey(rich);
      expect(await store.revokeKey("k1", { revoker: "ann", timeMs: baseMs })).toBe(true);
      expect(await store.revokeKey("k1", { revoker: "bob", timeMs: baseMs + 1 })).toBe(true);
      expect(await store.getKey("k1")).toEqual({ ...rich, revoker: "ann", revokeTimeMs: baseMs });
    });

    it("remember the latest time they were used at; an unknown one is passed over", async () => {
      const { store } = current();
      await store.createKey(rich);
      for (const timeMs of [baseMs, baseMs + 2, baseMs + 1]) await store.noteKeyUse("k1", timeMs);
      await store.noteKeyUse("k2", baseMs);
      expect((await store.getKey("k1"))?.lastUseTimeMs).toBe(baseMs + 2);
      expect(await store.getKey("k2")).toBeUndefined();
    });

    it("are listed with those that are revoked, the latest created first, in pages that meet each exactly once", async () => {
      const { store } = current();
      const keys: ApiKey[] = Array.from({ length: 7 }, (_, index) => sampleKey(`k${9 - index}`, { createTimeMs: baseMs - index }));
      for (const key of keys) await store.createKey(key);
      await store.revokeKey("k9", { revoker: "ann", timeMs: baseMs });
      const expected = keys.map((key) => (key.keyId === "k9" ? { ...key, revoker: "ann", revokeTimeMs: baseMs } : key)).toReversed();
      for (const size of [1, 3, 7, 1000]) expect(await walk((page) => store.listKeys(page), size)).toEqual(expected);
      await expectMalformedPositionsRefused((page) => store.listKeys(page));
    });

    it("tell that they were made or revoked when that can be read and before the write's promise settles, until nobody listens", async () => {
      const { store } = current();
      const seen: [keyId: string | undefined, revokeTimeMs: number | undefined][] = [];
      const reads: Promise<unknown>[] = [];
      let isSettled = false;
      const stop = store.onKeyChange(() => {
        expect(isSettled).toBe(false);
        reads.push(store.getKey("k1").then((key) => seen.push([key?.keyId, key?.revokeTimeMs])));
      });
      const settled = () => {
        isSettled = true;
      };
      await store.createKey(rich).then(settled);
      isSettled = false;
      await store.revokeKey("k1", { revoker: "ann", timeMs: baseMs }).then(settled);
      await Promise.all(reads);
      expect(seen).toEqual([
        ["k1", undefined],
        ["k1", baseMs],
      ]);
      stop();
      isSettled = false;
      await store.createKey(sampleKey("k2"));
      expect(seen).toHaveLength(2);
    });
  });
}
