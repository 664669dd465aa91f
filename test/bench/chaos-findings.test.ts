// The chaos run finds what is lost, doubled, changed or allowed beyond the quota, each by the promise that it breaks.
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { findingsOf } from "../../bench/chaos/findings.ts";
import { createLedger, type Ledger } from "../../bench/chaos/ledger.ts";
import { codes } from "../../bench/chaos/policy.ts";
import type { RecordedChange } from "../../bench/chaos/recorded.ts";
import { DecisionSchema, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";

/** A decision on a creation, as the feed has it. */
function decisionOf(decisionId: string, { owner = "owner-1", name = "name 1-0", code = 0, requestId = "" } = {}): RecordedChange {
  const action = { case: "createAccount" as const, value: { operator: owner, owner, name } };
  const decision = create(DecisionSchema, { decisionId, requestId, verdict: code === 0 ? Verdict.ALLOW : Verdict.DENY, code, action });
  return { name: decisionId, kind: "decision", decision, key: name };
}

function eventOf(key: string, destroyed?: string): RecordedChange {
  return { name: key, kind: "event", key, destroyed };
}

/** The promises that are broken, with how often. */
function broken(feed: RecordedChange[], { tell, degraded = [] }: { tell?: (ledger: Ledger) => void; degraded?: string[] } = {}) {
  const ledger = createLedger();
  tell?.(ledger);
  const found = findingsOf({ ledger, feed, degraded: new Set(degraded) });
  return Object.fromEntries(
    found.filter((finding) => finding.broken.length > 0).map((finding) => [finding.promise, finding.broken.length]),
  );
}

/** As many creations of an owner as are asked for, each allowed. */
function allowed(count: number): RecordedChange[] {
  return Array.from({ length: count }, (_, n) => decisionOf(`dec-${n}`, { name: `name ${n}-0` }));
}

it("finds nothing where everything is as it was told", () => {
  const tell = (ledger: Ledger) => {
    ledger.decided.set("name 1-0", 0);
    ledger.calls.set("call-2", { decisionId: "dec-2", verdict: Verdict.ALLOW });
    ledger.events.add("created @TOA#_1");
  };
  const feed = [decisionOf("dec-1"), decisionOf("dec-2", { name: "called 2", requestId: "call-2" }), eventOf("created @TOA#_1")];
  expect(broken(feed, { tell })).toEqual({});
});

it("finds decisions of webhooks that are lost, changed or doubled", () => {
  const tell = (ledger: Ledger) => void ledger.decided.set("name 1-0", 0);
  expect(broken([], { tell })).toEqual({ "decisions answered by webhook are recorded": 1 });
  const otherVerdict = { "… with the verdict that was answered": 1 };
  expect(broken([decisionOf("dec-1", { code: codes.banned })], { tell })).toEqual(otherVerdict);
  expect(broken([decisionOf("dec-1")], { tell, degraded: ["dec-1"] })).toEqual(otherVerdict);
  expect(broken([decisionOf("dec-1"), decisionOf("dec-2")], { tell })).toEqual({ "… and no webhook's decision more than once": 1 });
});

it("finds fallbacks that a replica has forgotten, but for one that was ended", () => {
  const tell = (isGone: boolean) => (ledger: Ledger) => void ledger.fallbacks.set("name 1-0", { isGone });
  expect(broken([], { tell: tell(true) })).toEqual({});
  expect(broken([], { tell: tell(false) })).toEqual({ "fallbacks of replicas that were not ended are recorded": 1 });
});

it("finds calls whose decision is another one, or is made twice", () => {
  const tell = (ledger: Ledger) => void ledger.calls.set("call-1", { decisionId: "dec-1", verdict: Verdict.ALLOW });
  const of = (decisionId: string) => decisionOf(decisionId, { name: "called 1", requestId: "call-1" });
  expect(broken([of("dec-2")], { tell })).toEqual({ "decisions answered by call are recorded as they were": 1 });
  expect(broken([of("dec-1"), of("dec-2")], { tell })).toEqual({ "… one for each request_id, however often it was sent": 1 });
});

it("finds events that are lost or doubled", () => {
  const tell = (ledger: Ledger) => void ledger.events.add("created @TOA#_1");
  expect(broken([], { tell })).toEqual({ "events that were acknowledged are recorded": 1 });
  const twice = [eventOf("created @TOA#_1"), eventOf("created @TOA#_1")];
  expect(broken(twice, { tell })).toEqual({ "… and no event more than once": 1 });
});

it("finds an owner that is allowed more than the quota, and one that is refused while there is room", () => {
  const over = { "no owner is ever allowed more than 3": 1 };
  const refused = { "… and none is refused while there is room": 1 };
  const refusal = decisionOf("dec-9", { name: "name 9-0", code: codes.quota });
  expect(broken([...allowed(3), refusal])).toEqual({});
  expect(broken(allowed(4))).toEqual(over);
  expect(broken([...allowed(3), eventOf("destroyed @TOA#_0-0", "owner-1"), decisionOf("dec-9", { name: "name 9-0" })])).toEqual({});
  expect(broken([...allowed(2), refusal])).toEqual(refused);
  // What a fallback has denied may have given its room back by then, or not yet.
  expect(broken([...allowed(4)], { degraded: ["dec-0"] })).toEqual({});
  expect(broken([...allowed(3), refusal], { degraded: ["dec-0"] })).toEqual({});
});
