// What the contract says of policies.
import { describe, expect, it } from "vitest";
import { listEntry, sampleDecision, samplePolicy, sha256 } from "../samples.ts";
import { eachWithStore, type OpenStore } from "./opened-store.ts";

export function policiesConformance(open: OpenStore): void {
  describe("policies", () => {
    const current = eachWithStore(open);
    const first = samplePolicy("name: first");
    const second = samplePolicy("name: second # 不 😀\n");

    it("are undefined before the first was made live", async () => {
      expect(await current().store.getLivePolicy()).toBeUndefined();
      expect(await current().store.listNames()).toEqual([]);
    });

    it("are live as they were written, the last that was made live", async () => {
      const { store } = current();
      for (const policy of [first, second, first]) {
        await store.makePolicyLive(policy, []);
        expect(await store.getLivePolicy()).toEqual(policy);
      }
      expect(await (await current().reopen()).getLivePolicy()).toEqual(first);
    });

    it("make the lists that they name, and leave those that they do not name as they are", async () => {
      const { store } = current();
      await store.makePolicyLive(first, ["staff", "banned"]);
      await store.addEntries("staff", [listEntry("a", "why")]);
      await store.addEntries("banned", [listEntry("b")]);
      await store.makePolicyLive(second, ["staff", "Zoo", "new"]);
      expect(await store.listNames()).toEqual(["Zoo", "banned", "new", "staff"]);
      expect((await store.listEntries("staff", { size: 10 }))?.items).toEqual([listEntry("a", "why")]);
      expect((await store.listEntries("banned", { size: 10 }))?.items).toEqual([listEntry("b")]);
      expect((await store.listEntries("new", { size: 10 }))?.items).toEqual([]);
    });

    it("change nothing when the live one is made live again", async () => {
      const { store } = current();
      await store.makePolicyLive(first, ["staff"]);
      await store.addEntries("staff", [listEntry("a")]);
      await Promise.all([store.makePolicyLive(first, ["staff"]), store.makePolicyLive(first, ["staff"])]);
      expect(await store.getLivePolicy()).toEqual(first);
      expect((await store.listEntries("staff", { size: 10 }))?.items).toEqual([listEntry("a")]);
    });

    it("get their text also when a decision named their version before", async () => {
      const { store } = current();
      const result = await store.appendDecision(sampleDecision({ policyVersion: first.version }), sha256("x"));
      await store.makePolicyLive(first, []);
      expect(await store.getLivePolicy()).toEqual(first);
      const id = result.kind === "appended" ? result.decisionId : "";
      expect((await store.getDecision(id))?.policyVersion).toBe(first.version);
    });
  });
}
