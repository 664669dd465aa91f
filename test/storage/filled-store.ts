// Fills a store with something in every table, and asks it all that it can be asked: for tests of moving.
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Page, PageRequest, Store } from "../../src/storage/storage.ts";
import { append, appendEvent, follow, goLive, makeLists, removal, walk } from "./conformance/opened-store.ts";
import { ask, follow as followParts, say, sweep } from "./parts.ts";
import {
  appId,
  askedFor,
  baseMs,
  changedEvent,
  confusableIds,
  createdEvent,
  destroyedEvent,
  expiringEntry,
  fullEvent,
  listEntry,
  messageEvent,
  richDecision,
  roomOf,
  sampleAuditEntry,
  sampleCase,
  sampleDecision,
  sampleEvent,
  sampleKey,
  samplePolicy,
  subscribersEvent,
  withdrawnEvent,
} from "./samples.ts";

/** Ids with what a database may keep otherwise than it is written. */
export const oddIds = [
  ...new Set([...confusableIds, "nul\0nul", "\x01", "\x01\x02", "\0", "a\x01\x03b", "line\nend\t", "{}", "\\u0000", "NULL"]),
];

const live = samplePolicy("name: live\0 \x01 😀");
const trial = samplePolicy("name: trial");
const counter = { appId, action: "create_account", windowMs: 3_600_000 };

/** Writes of every kind. */
export async function fill(store: Store): Promise<void> {
  await makeLists(store, "staff", "empty", "dropped");
  await goLive(store, live);
  await goLive(store, trial, [], "shadow");
  await store.addEntries(
    "staff",
    oddIds.map((value) => listEntry(value, `why ${value}`, baseMs, { author: value, source: "s" })),
  );
  await store.addEntries("staff", [expiringEntry("expiring", baseMs + 5)]);
  await store.removeEntries("staff", ["a", "%"], removal);
  for (const [index, owner] of oddIds.entries()) {
    await fillFor(store, owner, index);
    // What comes after it still stands.
    if (index === 5) await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep);
  }
  const rich = await append(store, richDecision());
  await store.appendShadowOutcome({ decisionId: rich, version: trial.version, outcome: undefined });
  const late = await append(store, sampleDecision({ requestId: "late", policyVersion: live.version }));
  await store.markDegraded(late, { cause: DegradedCause.DEADLINE, verdict: Verdict.DENY, code: 7, answerTimeMs: baseMs + 9 });
  const { caseId } = await store.openCase(sampleCase());
  await store.closeCase({ caseId, author: "bob", reason: "fine \0", timeMs: baseMs + 1 });
  await store.openCase(sampleCase({ accountId: "", user: "zoe" }));
  await store.createKey(sampleKey("k1", { creator: "ann", expireTimeMs: baseMs + 5 }));
  await store.createKey(sampleKey("k2"));
  await store.revokeKey("k2", { revoker: "bob", timeMs: baseMs + 3 });
  await store.noteKeyUse("k1", baseMs + 4);
  const auditId = await store.beginAuditEntry(sampleAuditEntry({ target: "staff", requestJson: '{"a":"\\u0000"}', beforeJson: "{}" }));
  await store.endAuditEntry(auditId, { afterJson: '{"b":1}', outcome: "OK" });
  await store.beginAuditEntry(sampleAuditEntry({ appId }));
  await store.beginErasure({ appId, user: "zoe", pseudonym: "erased-1", isPreview: false, withLists: false, beginTimeMs: baseMs });
}

async function fillFor(store: Store, owner: string, index: number): Promise<void> {
  const id = `account ${owner}`;
  const action = { case: "createAccount", value: { operator: owner, owner, name: `News ${owner}` } } as const;
  await append(store, sampleDecision({ action, requestId: `request ${owner}`, policyVersion: live.version }), {
    creation: index % 2 === 0 ? roomOf(owner, `News ${owner}`) : askedFor(owner, `News ${owner}`),
    counts: [
      { counter, key: owner },
      { counter: { ...counter, windowMs: 60_000 }, key: owner },
    ],
  });
  const creating = sampleEvent({ case: "accountCreated", value: { accountId: id, owner, name: `News ${owner}` } }, baseMs + index);
  if (index % 3 === 0) await follow(store, creating);
  else await appendEvent(store, creating);
  await appendEvent(store, changedEvent(id, baseMs + 50, { introduction: owner, faceUrl: `https://${index}` }));
  await appendEvent(store, createdEvent(`${id} 2`, undefined, { owner }));
  // It was another's before.
  await appendEvent(store, createdEvent(`${id} 2`, baseMs - 100, { owner: `former ${owner}` }));
  if (index % 4 === 0) await appendEvent(store, destroyedEvent(`${id} 2`, baseMs + 70));
  await ask(store, [owner, `refused${index}`, `left${index}`], { account: id, refused: [`refused${index}`] });
  await followParts(store, subscribersEvent("added", id, baseMs + index, [owner, "zoe", `s${index}`, `refused${index}`]));
  await appendEvent(store, subscribersEvent("removed", id, baseMs + 60 + index, [`s${index}`]));
  if (index % 2 === 0) await say(store, `text ${owner}`, { account: id });
  await followParts(store, messageEvent(id, `key ${owner}`, baseMs + index, `text ${owner}`));
  await appendEvent(store, withdrawnEvent(id, baseMs + 90, [`key ${owner}`]));
  await appendEvent(store, fullEvent(id, baseMs + 80));
}

/** All that a store answers, for comparison with another. */
export async function answersOf(store: Store): Promise<Record<string, unknown>> {
  const all = <T>(read: (page: PageRequest) => Promise<Page<T> | undefined>) => walk(read, 7);
  const ofOwner = async (owner: string) => ({
    timeline: await all((page) => store.listTimeline({ appId, user: owner }, page)),
    owned: await all((page) => store.listTimeline({ appId, owner }, page)),
    account: await store.getAccount(appId, `account ${owner}`),
    revisions: await all((page) => store.listAccountRevisions(appId, `account ${owner}`, page)),
    messages: await all((page) => store.listMessages(appId, `account ${owner}`, page)),
    byRequest: await store.findDecisionByRequestId(appId, `request ${owner}`),
    facts: await store.withFacts(baseMs, (facts) => [
      facts.inList("staff", owner),
      facts.liveAccounts(appId, owner),
      facts.subscriptions(appId, owner),
      facts.subscribers(appId, `account ${owner}`),
      facts.isSubscribed(appId, `account ${owner}`, owner),
      facts.messagesSent(appId, `account ${owner}`),
      facts.nameInUse(appId, `news ${owner}`.toLowerCase()),
      facts.rate(counter, owner),
    ]),
  });
  const owners: Record<string, unknown> = {};
  for (const owner of oddIds) owners[owner] = await ofOwner(owner);
  return {
    owners,
    decisions: await all((page) => store.listDecisions({}, page)),
    lists: await store.listLists(),
    entries: await all((page) => store.listEntries("staff", {}, page)),
    edits: await all((page) => store.listEdits("staff", undefined, page)),
    policies: await all((page) => store.listPolicies(page)),
    activations: await all((page) => store.listActivations(page)),
    pointed: [await store.getPointedPolicy("live"), await store.getPointedPolicy("shadow")],
    changes: (await store.readChanges(0, {}, 10_000)).changes,
    position: [await store.latestPosition(), await store.earliestPosition()],
    cases: await all((page) => store.listCases({}, page)),
    openCases: await store.countOpenCases(),
    keys: await all((page) => store.listKeys(page)),
    audit: await all((page) => store.listAuditEntries({}, page)),
    accounts: await all((page) => store.listAccounts({ appId }, page)),
    erasure: await store.getErasure("era-000000000001"),
  };
}
