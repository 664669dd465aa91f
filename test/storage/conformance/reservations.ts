// What the contract says of what decisions take: room and names.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { AppendedDecision, Store } from "../../../src/storage/storage.ts";
import { normalize } from "../../../src/text/normalize.ts";
import {
  appId,
  askedFor,
  baseMs,
  changedEvent,
  confusableIds,
  createdEvent,
  destroyedEvent,
  roomOf,
  sampleDecision,
  sha256,
} from "../samples.ts";
import { append, appendAsIs, appendEvent, eachWithStore, factsAt, follow, type OpenStore } from "./opened-store.ts";

export function reservationsConformance(open: OpenStore): void {
  describe("reservations", () => {
    const current = eachWithStore(open);

    it("count with the live accounts of their owner, byte for byte and in their app", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs, { owner: "ann", name: "One" }));
      await append(store, sampleDecision(), { creation: roomOf("ann", "Two") });
      for (const owner of confusableIds) await append(store, sampleDecision(), { creation: roomOf(owner, `of ${owner}`) });
      expect(await live(store, "ann")).toBe(2);
      for (const owner of confusableIds) expect(await live(store, owner), owner).toBe(1);
      expect(await live(store, "Ann")).toBe(0);
      expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId + 1, "ann"))).toBe(0);
    });

    it("are seen by every one after it: however many overlap, as many are allowed as there is room for", async () => {
      const { store } = current();
      for (const limit of [1, 7]) {
        const owner = `owner of ${limit}`;
        const results = await Promise.all(Array.from({ length: 60 }, (_, index) => create(store, owner, `${limit}-${index}`, limit)));
        expect(results.filter(isAllowed)).toHaveLength(limit);
        expect(await live(store, owner)).toBe(limit);
      }
    });

    it("leave exactly as much room whatever is confirmed or destroyed meanwhile", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.array(fc.constantFrom("leave", "confirm", "confirm twice"), { minLength: 5, maxLength: 25 }),
          async (limit, plans) => {
            run += 1;
            const owner = `owner ${run}`;
            const name = (index: number) => `name ${run} ${index}`;
            const confirm = (index: number) => follow(store, createdEvent(`${run}-${index}`, baseMs, { owner, name: name(index) }));
            const results = await Promise.all(
              plans.map(async (plan, index) => {
                // Some begin later, among the confirmations of others.
                if (index % 3 === 2) await create(store, owner, `x ${name(index)}`, 0);
                const result = await create(store, owner, name(index), limit);
                if (isAllowed(result) && plan !== "leave") await confirm(index);
                if (isAllowed(result) && plan === "confirm twice") await confirm(index);
                return result;
              }),
            );
            const allowed = results.flatMap((result, index) => (isAllowed(result) ? [index] : []));
            expect(allowed).toHaveLength(Math.min(limit, plans.length));
            expect(await live(store, owner)).toBe(allowed.length);
            await Promise.all(allowed.map(confirm));
            expect(await live(store, owner)).toBe(allowed.length);
            await appendEvent(store, destroyedEvent(`${run}-${allowed[0]}`, baseMs + 1));
            const more = await Promise.all(plans.map((_, index) => create(store, owner, `again ${name(index)}`, limit)));
            expect(more.filter(isAllowed)).toHaveLength(1 + limit - allowed.length);
          },
        ),
        { numRuns: 15 },
      );
    });

    it("lapse at their time, and not before", async () => {
      const { store } = current();
      const appending = append(store, sampleDecision(), { creation: roomOf("ann", "News", baseMs + 1000) });
      // Also while they are being written.
      const seen = [999, 1000].map((afterMs) => {
        let count = -1;
        return store
          .appendDecision(baseMs + afterMs, (facts) => {
            count = facts.liveAccounts(appId, "ann");
            return { decision: sampleDecision(), actionDigest: sha256(""), counts: [] };
          })
          .then(() => count);
      });
      await appending;
      expect(await Promise.all(seen)).toEqual([1, 0]);
      for (const [afterMs, isThere] of [[999, true] as const, [1000, false] as const]) {
        expect(await live(store, "ann", baseMs + afterMs)).toBe(isThere ? 1 : 0);
        expect(await isInUse(store, "news", baseMs + afterMs)).toBe(isThere);
      }
      await append(store, sampleDecision(), { creation: roomOf("ann", "Other", baseMs + 5000) });
      expect(await live(store, "ann", baseMs + 4999)).toBe(1);
    });

    it("are ended by a creation that is joined with them: the oldest that stood when it happened, and by nothing else", async () => {
      const { store } = current();
      const nowMs = baseMs + 10;
      const at = (lapseMs: number) => append(store, sampleDecision(), { creation: roomOf("ann", "News", lapseMs) });
      for (const lapseMs of [nowMs, nowMs + 10, nowMs + 20]) await at(lapseMs);
      const others = [
        { ...createdEvent("a", nowMs, { owner: "ann", name: "News" }), appId: appId + 1 },
        createdEvent("b", nowMs, { owner: "Ann", name: "News" }),
        createdEvent("c", nowMs, { owner: "", name: "News" }),
        changedEvent("d", nowMs, { name: "News" }),
        createdEvent("e", nowMs, { owner: "bob", name: "NEWS" }),
      ];
      for (const event of others) await follow(store, event, nowMs);
      expect(await live(store, "ann", nowMs)).toBe(2);
      const created = createdEvent("f", nowMs, { owner: "ann", name: "News" });
      for (let delivery = 0; delivery < 2; delivery += 1) await follow(store, created, nowMs);
      expect(await live(store, "ann", nowMs)).toBe(2);
      await appendEvent(store, destroyedEvent("f", nowMs + 1), nowMs);
      expect(await live(store, "ann", nowMs + 19)).toBe(1);
      expect(await live(store, "ann", nowMs + 20)).toBe(0);
    });

    it("are made only by creations that take room, and give back the name with it", async () => {
      const { store } = current();
      const { takesRoom: _, takesName: __, ...roomless } = roomOf("ann", "News");
      await append(store, sampleDecision(), { creation: roomless });
      await append(store, sampleDecision(), { creation: askedFor("ann", "Other") });
      expect([await live(store, "ann"), await isInUse(store, "news")]).toEqual([0, false]);
      await append(store, sampleDecision(), { creation: roomOf("ann", "Third") });
      expect([await live(store, "ann"), await isInUse(store, "third")]).toEqual([1, true]);
      await follow(store, createdEvent("a", baseMs, { owner: "ann", name: "Third" }));
      await appendEvent(store, destroyedEvent("a", baseMs + 1));
      expect([await live(store, "ann"), await isInUse(store, "third")]).toEqual([0, false]);
    });

    it("are not made by repeats, nor by a request_id that was used before, also when those overlap", async () => {
      const { store } = current();
      const counter = { appId, action: "create_account", windowMs: 60_000 };
      const taking = { creation: roomOf("ann", "News"), counts: [{ counter, key: "ann" }] };
      const decision = sampleDecision({ requestId: "r" });
      const same = Array.from({ length: 10 }, () => appendAsIs(store, decision, taking));
      const seen: number[] = [];
      const ask = () =>
        store.appendDecision(baseMs, (facts) => {
          seen.push(facts.liveAccounts(appId, "ann"), facts.rate(counter, "ann"));
          return { decision: sampleDecision(), actionDigest: sha256(""), counts: [] };
        });
      const asking = ask();
      const others = Array.from({ length: 10 }, () => appendAsIs(store, decision, { ...taking, actionDigest: sha256("other") }));
      const results = await Promise.all([...same, ...others]);
      await asking;
      expect(seen.slice(-2)).toEqual([1, 1]);
      expect(results.filter(({ kind }) => kind === "appended")).toHaveLength(1);
      await Promise.all([
        appendAsIs(store, decision, taking),
        appendAsIs(store, decision, { ...taking, actionDigest: sha256("other") }),
        ask(),
      ]);
      expect(seen.slice(-2)).toEqual([1, 1]);
      expect(await live(store, "ann")).toBe(1);
      expect(await factsAt(store, baseMs, (facts) => facts.rate(counter, "ann"))).toBe(1);
    });

    it("are not made when making throws", async () => {
      const { store } = current();
      const failing = store.appendDecision(baseMs, () => {
        throw new Error("mistake");
      });
      await expect(failing).rejects.toThrow("mistake");
      expect(await live(store, "ann")).toBe(0);
    });

    it("are there after reopening", async () => {
      await append(current().store, sampleDecision(), { creation: roomOf("ann", "News") });
      const store = await current().reopen();
      expect(await live(store, "ann")).toBe(1);
      expect(await isInUse(store, "news")).toBe(true);
    });
  });

  describe("names", () => {
    const current = eachWithStore(open);

    it("are in use in whatever form they are written, by live accounts and reservations of the app", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs, { name: "  Daily　ＮＥＷＳ " }));
      await append(store, sampleDecision(), { creation: roomOf("bob", "Straße") });
      for (const name of ["daily news", "DAILY NEWS", "Daily News", "STRASSE", "straße"]) {
        expect(await isInUse(store, name), name).toBe(true);
        expect(await factsAt(store, baseMs, (facts) => facts.nameInUse(appId + 1, normalize(name)))).toBe(false);
      }
      for (const name of ["dailynews", "daily", "news", ""]) expect(await isInUse(store, name), name).toBe(false);
    });

    it("follow what the events say: the latest name of accounts that live", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs, { name: "One" }));
      await appendEvent(store, changedEvent("a", baseMs + 2, { name: "TWO" }));
      await appendEvent(store, changedEvent("a", baseMs + 1, { name: "Three" }));
      await appendEvent(store, changedEvent("a", baseMs + 3, { introduction: "x" }));
      expect(await Promise.all(["one", "two", "three"].map((name) => isInUse(store, name)))).toEqual([false, true, false]);
      await appendEvent(store, destroyedEvent("a", baseMs + 4));
      expect(await isInUse(store, "two")).toBe(false);
    });

    it("that are empty are never in use", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs, { name: "" }));
      await append(store, sampleDecision(), { creation: roomOf("ann", "") });
      expect(await isInUse(store, "")).toBe(false);
    });

    it("are given to one when those who ask for one overlap", async () => {
      const { store } = current();
      const results = await Promise.all(
        ["News", "news", "NEWS ", "ｎｅｗｓ"].flatMap((name) =>
          Array.from({ length: 5 }, (_, index) =>
            store.appendDecision(baseMs, (facts) => {
              const isFree = !facts.nameInUse(appId, normalize(name));
              return {
                decision: sampleDecision({ verdict: isFree ? Verdict.ALLOW : Verdict.DENY }),
                actionDigest: sha256(""),
                counts: [],
                ...(isFree && { creation: roomOf(`owner ${index}`, name) }),
              };
            }),
          ),
        ),
      );
      expect(results.filter(isAllowed)).toHaveLength(1);
    });
  });
}

/** Asks for an account, which is allowed while the owner has fewer than `limit`. */
function create(store: Store, owner: string, name: string, limit: number): Promise<AppendedDecision> {
  return store.appendDecision(baseMs, (facts) => {
    const isAllowedHere = facts.liveAccounts(appId, owner) < limit;
    return {
      decision: sampleDecision({
        action: { case: "createAccount", value: { operator: owner, owner, name } },
        verdict: isAllowedHere ? Verdict.ALLOW : Verdict.DENY,
      }),
      actionDigest: sha256(""),
      counts: [],
      ...(isAllowedHere && { creation: roomOf(owner, name) }),
    };
  });
}

function isAllowed(result: AppendedDecision): boolean {
  return result.kind === "appended" && result.decision.verdict === Verdict.ALLOW;
}

function live(store: Store, owner: string, nowMs = baseMs): Promise<number> {
  return factsAt(store, nowMs, (facts) => facts.liveAccounts(appId, owner));
}

function isInUse(store: Store, name: string, nowMs = baseMs): Promise<boolean> {
  return factsAt(store, nowMs, (facts) => facts.nameInUse(appId, normalize(name)));
}
