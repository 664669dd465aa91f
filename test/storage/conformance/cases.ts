// What the contract says of cases.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import type { CaseFilter, Store } from "../../../src/storage/storage.ts";
import { appId, baseMs, confusableIds, createdEvent, sampleCase, sampleDecision } from "../samples.ts";
import { append, appendEvent, eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

export function casesConformance(open: OpenStore): void {
  describe("cases", () => {
    const current = eachWithStore(open);

    it("are read as they were opened, also after reopening", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      const { eventId } = await appendEvent(store, createdEvent("a", baseMs));
      const { caseId, isNew } = await store.openCase(sampleCase({ decisionId, eventId }));
      expect(isNew).toBe(true);
      const found = await store.getCase(caseId);
      expect(found).toMatchObject({ caseId, appId, kind: CaseKind.LATE_DENY, state: CaseState.OPEN, decisionId, eventId });
      expect(found).toMatchObject({ accountId: "a", user: "ann", openTime: timestampFromMs(baseMs), closedBy: "", closeReason: "" });
      expect(found?.closeTime).toBeUndefined();
      expect(await (await current().reopen()).getCase(caseId)).toEqual(found);
    });

    it("are opened once for the same kind, decision and event, open or closed", async () => {
      const { store } = current();
      const decisionIds = [await append(store, sampleDecision()), await append(store, sampleDecision())] as const;
      const { eventId } = await appendEvent(store, createdEvent("a", baseMs));
      const openings = [
        sampleCase({ decisionId: decisionIds[0] }),
        sampleCase({ decisionId: decisionIds[1] }),
        sampleCase({ decisionId: decisionIds[0], kind: CaseKind.LEAK }),
        sampleCase({ decisionId: decisionIds[0], eventId }),
        { ...sampleCase({ eventId }), decisionId: undefined } as never,
      ];
      const first = await Promise.all(openings.map((opening) => store.openCase(opening)));
      expect(first.map(({ isNew }) => isNew)).toEqual(openings.map(() => true));
      expect(new Set(first.map(({ caseId }) => caseId)).size).toBe(openings.length);
      await store.closeCase({ caseId: first[0]?.caseId ?? "", author: "", reason: "", timeMs: baseMs });
      const again = await Promise.all([...openings, ...openings].map((opening) => store.openCase(opening)));
      expect(again).toEqual([...first, ...first].map(({ caseId }) => ({ caseId, isNew: false })));
    });

    it("are not found under anything but their id", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      const { caseId } = await store.openCase(sampleCase({ decisionId }));
      for (const unknown of ["", decisionId, `${caseId}0`, caseId.toUpperCase(), "case-ffffffffffff", "case-"]) {
        expect(await store.getCase(unknown), unknown).toBeUndefined();
        expect(await store.closeCase({ caseId: unknown, author: "", reason: "", timeMs: baseMs }), unknown).toBeUndefined();
      }
    });

    it("are closed once, and stay as they are then", async () => {
      const { store } = current();
      const { caseId } = await store.openCase(sampleCase({ decisionId: await append(store, sampleDecision()) }));
      const closed = await store.closeCase({ caseId, author: "bob", reason: "known", timeMs: baseMs + 5 });
      expect(closed).toMatchObject({ caseId, state: CaseState.CLOSED, closedBy: "bob", closeReason: "known" });
      expect(closed?.closeTime).toEqual(timestampFromMs(baseMs + 5));
      const end = await store.latestPosition();
      expect(await store.closeCase({ caseId, author: "eve", reason: "again", timeMs: baseMs + 9 })).toEqual(closed);
      expect(await store.getCase(caseId)).toEqual(closed);
      expect(await store.latestPosition()).toBe(end);
    });

    it("are counted while they are open, by kind", async () => {
      const { store } = current();
      expect(await counts(store)).toEqual(new Map());
      const decisionId = await append(store, sampleDecision());
      const [first] = await Promise.all([
        store.openCase(sampleCase({ decisionId })),
        store.openCase(sampleCase({ decisionId, kind: CaseKind.LEAK })),
        store.openCase(sampleCase({ decisionId, kind: CaseKind.LEAK })),
      ]);
      expect(await counts(store)).toEqual(
        new Map([
          [CaseKind.LEAK, 1],
          [CaseKind.LATE_DENY, 1],
        ] as const),
      );
      for (let i = 0; i < 2; i++) await store.closeCase({ caseId: first.caseId, author: "", reason: "", timeMs: baseMs });
      expect((await counts(store)).get(CaseKind.LATE_DENY) ?? 0).toBe(0);
    });

    it("are listed with the latest opened first, and filtered byte for byte", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      const ids: string[] = [];
      for (const [index, id] of confusableIds.entries()) {
        const kind = index % 2 === 0 ? CaseKind.LEAK : CaseKind.LATE_DENY;
        const { eventId } = await appendEvent(store, createdEvent(`e${index}`, baseMs));
        const opening = { kind, decisionId, eventId, accountId: id, user: confusableIds.at(-1 - index) ?? "", appId: appId + (index % 3) };
        const { caseId } = await store.openCase(sampleCase(opening));
        ids.push(caseId);
        if (index % 4 === 1) await store.closeCase({ caseId, author: "", reason: "", timeMs: baseMs });
      }
      const all = await walk((page) => store.listCases({}, page), 7);
      expect(all.map(({ caseId }) => caseId)).toEqual(ids.toReversed());
      expect(ids.toSorted()).toEqual(ids);
      const filters: CaseFilter[] = [
        { appId },
        { appId: 7 },
        { kind: CaseKind.LEAK },
        { state: CaseState.OPEN },
        { state: CaseState.CLOSED, kind: CaseKind.LATE_DENY, appId: appId + 1 },
        { kind: CaseKind.BYPASS },
        ...confusableIds.flatMap((id) => [{ accountId: id }, { user: id }]),
      ];
      for (const filter of filters) {
        const expected = all.filter((found) => Object.entries(filter).every(([key, value]) => found[key as keyof CaseFilter] === value));
        for (const size of [1, 1000]) expect(await walk((page) => store.listCases(filter, page), size)).toEqual(expected);
      }
      await expectMalformedPositionsRefused((page) => store.listCases({}, page));
    });

    it("are changes in the feed, opened and closed, each the same whenever it is read", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      const start = await store.latestPosition();
      const { caseId } = await store.openCase(sampleCase({ decisionId }));
      const opened = await store.getCase(caseId);
      const before = await store.readChanges(start, {}, 10);
      expect(before.changes).toMatchObject([{ kind: "case", timeMs: baseMs, case: opened }]);
      const closed = await store.closeCase({ caseId, author: "bob", reason: "known", timeMs: baseMs + 5 });
      const after = await store.readChanges(start, { kinds: new Set(["case"]), appId, accountId: "a" }, 10);
      expect(after.changes).toMatchObject([...before.changes, { kind: "case", timeMs: baseMs + 5, case: closed }]);
      expect((await store.readChanges(start, { accountId: "b" }, 10)).changes).toEqual([]);
      expect((await store.readChanges(start, { appId: appId + 1 }, 10)).changes).toEqual([]);
      expect((await (await current().reopen()).readChanges(start, {}, 10)).changes).toEqual(after.changes);
    });
  });
}

async function counts(store: Store): Promise<Map<CaseKind, number>> {
  return new Map((await store.countOpenCases()).map(({ kind, count }) => [kind, count]));
}
