// What the contract says of what follows from decisions on messages.
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { completeElement, textElementJson } from "../../../src/elements/complete-element.ts";
import { added, append, casesOf, follow, none, outcome, say, sweep } from "../parts.ts";
import { baseMs, followUpRules, messageEvent, sampleDecision, withdrawnEvent } from "../samples.ts";
import { eachWithStore, type OpenStore } from "./opened-store.ts";

export function messageFollowUpsConformance(open: OpenStore): void {
  describe("follow-ups of messages", () => {
    const current = eachWithStore(open);

    it.each([
      ["allowed, and sent as it came", {}, "hello", FollowUp.CONFIRMED],
      ["denied, and sent all the same", { verdict: Verdict.DENY }, "hello", FollowUp.LEAKED],
      ["discarded, and sent all the same", { verdict: Verdict.DISCARD }, "hello", FollowUp.LEAKED],
      ["rewritten, and sent so", { rewritten: "h****" }, "h****", FollowUp.CONFIRMED],
      ["rewritten, and sent as it came", { rewritten: "h****" }, "hello", FollowUp.LEAKED],
      ["allowed, and another sent", {}, "goodbye", FollowUp.BYPASSED],
    ])("that was %s", async (_name, said, sent, followUp) => {
      const { store } = current();
      const decisionId = await say(store, "hello", said);
      const { eventId, followedUp } = await follow(store, messageEvent("a", "k", baseMs + 5, sent));
      expect(followedUp).toMatchObject([{ followUp, eventId }]);
      expect(await store.getDecision(decisionId)).toMatchObject(
        followUp === FollowUp.BYPASSED
          ? { followUp: FollowUp.UNSPECIFIED }
          : { followUp, followUpEventId: eventId, subscriberFollowUps: [] },
      );
      const opened = followUp === FollowUp.LEAKED ? [[CaseKind.LEAK, CaseState.OPEN, ""]] : [];
      expect(await casesOf(store)).toEqual(opened);
    });

    it("are bypassed with a case only where that is wanted", async () => {
      const { store } = current();
      const { followedUp } = await follow(store, messageEvent("a", "k", baseMs, "x"), baseMs, {
        ...followUpRules,
        messageBypassCases: true,
      });
      expect(followedUp).toMatchObject([{ followUp: FollowUp.BYPASSED, caseId: expect.stringContaining("case-") }]);
      expect(await casesOf(store)).toEqual([[CaseKind.BYPASS, CaseState.OPEN, ""]]);
    });

    it("tell messages apart by their elements, in order, and their custom data, whoever wrote the JSON", async () => {
      const { store } = current();
      const elements = ['{"MsgType":"TIMFaceElem","MsgContent":{"Index":1,"Data":"d"}}', textElementJson("x")];
      const action = {
        case: "sendMessage" as const,
        value: { accountId: "a", elements: elements.map((rawJson) => ({ rawJson })), customData: "c" },
      };
      await append(store, sampleDecision({ action }));
      const sent = (key: string, json: readonly string[], customData: string) => {
        const event = messageEvent("a", key, baseMs, "");
        if (event.event.case === "messageSent") {
          Object.assign(event.event.value, { elements: json.map((rawJson) => completeElement({ rawJson })), customData });
        }
        return outcome(store, event);
      };
      expect(await sent("1", elements.toReversed(), "c")).toBe(FollowUp.BYPASSED);
      expect(await sent("2", elements, "")).toBe(FollowUp.BYPASSED);
      expect(await sent("3", elements.slice(0, 1), "c")).toBe(FollowUp.BYPASSED);
      const anew = '{ "MsgContent": {"Data":"\\u0064", "Index":1.0}, "MsgType":"TIMFaceElem" }';
      expect(await sent("4", [anew, elements[1] ?? ""], "c")).toBe(FollowUp.CONFIRMED);
    });

    it("are of one sending each: the same words again, without being asked, are bypassed", async () => {
      const { store } = current();
      await say(store, "hello");
      expect(await outcome(store, messageEvent("a", "k1", baseMs + 1, "hello"))).toBe(FollowUp.CONFIRMED);
      expect(await outcome(store, messageEvent("a", "k2", baseMs + 2, "hello"))).toBe(FollowUp.BYPASSED);
    });

    it("have nothing to do with subscriptions that are named alike, and withdrawing changes nothing", async () => {
      const { store } = current();
      const decisionId = await say(store, "s");
      expect(await outcome(store, added(["s"], 5))).toBe(FollowUp.BYPASSED);
      expect((await follow(store, withdrawnEvent("a", baseMs, ["k"]))).followedUp).toBeUndefined();
      expect(await outcome(store, messageEvent("a", "k", baseMs + 5, "s"))).toBe(FollowUp.CONFIRMED);
      expect((await follow(store, withdrawnEvent("a", baseMs + 9, ["k"]))).followedUp).toBeUndefined();
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.CONFIRMED });
    });

    it("are abandoned when they are not sent, and mended by a decision that is recorded after its event", async () => {
      const { store } = current();
      const left = await say(store, "left");
      expect(await store.sweepFollowUps(baseMs + 1000, sweep)).toEqual({ abandoned: { ...none, sendMessage: 1 }, done: true });
      expect(await store.getDecision(left)).toMatchObject({ followUp: FollowUp.ABANDONED });
      await follow(store, messageEvent("a", "k", baseMs + 5, "hello"));
      const denied = await say(store, "hello", { verdict: Verdict.DENY });
      expect(await store.getDecision(denied)).toMatchObject({ followUp: FollowUp.LEAKED });
      expect(await casesOf(store)).toEqual([[CaseKind.LEAK, CaseState.OPEN, ""]]);
    });

    it("are mended by a decision that is recorded after an event without a time of its own, by when that was received", async () => {
      const { store } = current();
      const { eventId } = await follow(store, messageEvent("a", "k", undefined, "hello"));
      await follow(store, messageEvent("a", "k2", undefined, "another"));
      const decisionId = await say(store, "hello");
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.CONFIRMED, followUpEventId: eventId });
    });

    it("that a rule would have rewritten, and a fallback let pass, are confirmed as they came", async () => {
      const { store } = current();
      const decisionId = await say(store, "hello", { rewritten: "h****" });
      expect(await outcome(store, messageEvent("a", "k", baseMs + 5, "hello"))).toBe(FollowUp.LEAKED);
      const answer = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 9 };
      const marked = await store.markDegraded(decisionId, answer, undefined, followUpRules);
      expect(marked?.followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId }]);
      expect(await casesOf(store)).toEqual([[CaseKind.LEAK, CaseState.CLOSED, ""]]);
    });
  });
}
