// What the contract says of the log of administrative acts.
import { describe, expect, it } from "vitest";
import { PrincipalKind } from "../../../gen/gatehouse/v1/audit_service_pb.ts";
import type { AuditFilter, NewAuditEntry } from "../../../src/storage/storage.ts";
import { appId, baseMs, sampleAuditEntry } from "../samples.ts";
import { eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

export function auditConformance(open: OpenStore): void {
  describe("the audit log", () => {
    const current = eachWithStore(open);
    const rich: NewAuditEntry = {
      principal: { kind: PrincipalKind.KEY, id: "k1", name: "不 😀" },
      method: "gatehouse.v1.ListService/AddEntries",
      appId: 0xffff_ffff,
      target: "staff",
      requestJson: '{"list":"staff"}',
      beforeJson: '["a"]',
      beginTimeMs: baseMs,
    };

    it("has an act from its beginning on, and its end once that is known, also after reopening", async () => {
      const { store } = current();
      const auditId = await store.beginAuditEntry(rich);
      expect((await store.listAuditEntries({}, { size: 10 })).items).toEqual([{ ...rich, auditId, end: undefined }]);
      await store.endAuditEntry(auditId, { afterJson: '["a","b"]', outcome: "OK" });
      for (const reopen of [false, true]) {
        const opened = reopen ? await current().reopen() : store;
        expect((await opened.listAuditEntries({}, { size: 10 })).items).toEqual([
          { ...rich, auditId, end: { afterJson: '["a","b"]', outcome: "OK" } },
        ]);
      }
    });

    it("keeps the first end of an act, and passes over ends of acts that it does not have", async () => {
      const { store } = current();
      const auditId = await store.beginAuditEntry(rich);
      await store.endAuditEntry(auditId, { afterJson: "", outcome: "CANCELLED" });
      await store.endAuditEntry(auditId, { afterJson: "{}", outcome: "OK" });
      for (const unknown of ["", "x", "dec-000000000001", auditId.toUpperCase(), `${auditId.slice(0, -1)}f`]) {
        await store.endAuditEntry(unknown, { afterJson: "", outcome: "OK" });
      }
      expect(await store.listAuditEntries({}, { size: 10 })).toEqual({
        items: [{ ...rich, auditId, end: { afterJson: "", outcome: "CANCELLED" } }],
      });
    });

    it("lists the latest first, in pages that meet each exactly once, under ids that sort so", async () => {
      const { store } = current();
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push(await store.beginAuditEntry(sampleAuditEntry({ beginTimeMs: baseMs - i })));
      expect(ids.toSorted()).toEqual(ids);
      for (const size of [1, 7, 20, 1000]) {
        const entries = await walk((page) => store.listAuditEntries({}, page), size);
        expect(entries.map(({ auditId }) => auditId)).toEqual(ids.toReversed());
      }
      await expectMalformedPositionsRefused((page) => store.listAuditEntries({}, page));
    });

    it("lists the entries for which every member of the filter holds", async () => {
      const { store } = current();
      const variants: Partial<NewAuditEntry>[] = [
        {},
        { appId: 5 },
        { principal: { kind: PrincipalKind.TOKEN, id: "k1", name: "" } },
        { principal: { kind: PrincipalKind.KEY, id: "K1", name: "" } },
        { method: "gatehouse.v1.KeyService/CreateKey" },
        { target: "Staff" },
        { beginTimeMs: baseMs + 1 },
      ];
      for (const variant of variants) await store.beginAuditEntry({ ...rich, appId, ...variant });
      const found = async (filter: AuditFilter) => {
        const { items } = await store.listAuditEntries(filter, { size: 100 });
        return items.map(({ auditId }) => Number(auditId.slice(-1)) - 1).toSorted();
      };
      const all = variants.map((_, index) => index);
      expect(await found({})).toEqual(all);
      expect(await found({ appId: 5 })).toEqual([1]);
      expect(await found({ principalKind: PrincipalKind.TOKEN })).toEqual([2]);
      expect(await found({ principalId: "K1" })).toEqual([3]);
      expect(await found({ method: "gatehouse.v1.KeyService/CreateKey" })).toEqual([4]);
      expect(await found({ target: "Staff" })).toEqual([5]);
      expect(await found({ startMs: baseMs + 1 })).toEqual([6]);
      expect(await found({ endMs: baseMs + 1 })).toEqual(all.slice(0, 6));
      expect(await found({ appId, target: "staff", principalId: "k1", startMs: baseMs, endMs: baseMs + 1 })).toEqual([0, 2, 4]);
      expect(await found({ appId: 5, target: "Staff" })).toEqual([]);
    });
  });
}
