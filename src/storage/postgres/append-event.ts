// Appends events, with all that comes of them.
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { accountChange } from "../account-change.ts";
import { type AccountChange, applyChange, formerOwners, isLatest } from "../account-merge.ts";
import { countRevisions, nextRevision, saidFields } from "../account-revisions.ts";
import type { AccountRow, valuesOfRecord } from "../account-rows.ts";
import { happenedValues } from "../creation-happened.ts";
import { createCreations, type EventJoin } from "../creations.ts";
import { encodeEvent } from "../event-codec.ts";
import { messageChange } from "../message-change.ts";
import { digestHex } from "../message-json.ts";
import { applyMessage, type MessageChange } from "../message-merge.ts";
import { createPartFollowUps } from "../part-follow-ups.ts";
import { happenedParts } from "../parts-happened.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { AppendedEvent, NewEvent } from "../storage.ts";
import { subscriptionChange } from "../subscription-change.ts";
import { applySubscription, isInForce, type SubscriptionChange } from "../subscription-merge.ts";
import { followedUpAt, insertDecision } from "./append-decision.ts";
import type { WriteRows } from "./commits.ts";
import { createFacts } from "./facts.ts";
import type { Memory } from "./memory.ts";
import { classOfEvent } from "./retention-classes.ts";
import type { WorkingRows } from "./working-rows.ts";

/** The write of one event. */
export function eventAppender(event: NewEvent, nowMs: number, memory: Memory): WriteRows<AppendedEvent> {
  const prepare = eventPreparer(event, nowMs, memory);
  return (rows) => prepare(rows)();
}

/** The write of several events, all or none. */
export function eventsAppender(events: readonly NewEvent[], nowMs: number, memory: Memory): WriteRows<AppendedEvent[]> {
  const preparers = events.map((event) => eventPreparer(event, nowMs, memory));
  return (rows) => {
    // What rules say may fail, and comes before anything is written.
    const prepared = preparers.map((prepare) => prepare(rows));
    const appended = prepared.map((write) => write());
    return (at) => appended.map((resultAt) => resultAt(at));
  };
}

/** Asks what rules say of an event. What it results in writes it. */
function eventPreparer({ event, digest, handling }: NewEvent, nowMs: number, memory: Memory) {
  const { flag, followUpMs, followUp } = handling ?? {};
  const hex = digestHex(digest);
  return (rows: WorkingRows): (() => (at: (seq: number) => number) => AppendedEvent) => {
    const flagged = flag?.(createFacts(nowMs, rows.asking, memory, rows.underWay));
    return () => write(rows, flagged);
  };

  function joinOf(rows: WorkingRows, seq: number, accountId: string | null, eventMs: number): EventJoin | undefined {
    const { appId } = event;
    const creation = followUpMs === undefined ? undefined : happenedValues(event, eventMs, nowMs, followUpMs);
    if (creation !== undefined) return createCreations(rows.creationRows, rows.followUpCases).join(seq, appId, creation, nowMs);
    const happened = followUp === undefined ? undefined : happenedParts(event, digest, eventMs, nowMs, followUp);
    if (happened === undefined || accountId === null) return undefined;
    return createPartFollowUps(rows.partRows, rows.followUpCases).join(seq, appId, accountId, happened, nowMs);
  }

  function write(rows: WorkingRows, flagged: Decision | undefined): (at: (seq: number) => number) => AppendedEvent {
    const earlier = rows.eventSeq(hex);
    const { appId, accountId, eventTimeMs, receiveTimeMs, body } = encodeEvent(event);
    if (earlier !== undefined) return (at) => ({ eventId: formatSequenceId("evt", at(earlier)), duplicate: true });
    const seq = rows.nextSeq();
    const join = joinOf(rows, seq, accountId, eventTimeMs ?? receiveTimeMs ?? nowMs);
    rows.insertEvent({
      seq,
      app_id: appId,
      account_id: accountId,
      digest: hex,
      event_time: eventTimeMs,
      receive_time: receiveTimeMs,
      class: classOfEvent(event),
      body,
      follow_up: join?.followUp ?? null,
      decision_seq: join?.decisionSeq ?? null,
      follow_up_parts: null,
    });
    const change = accountChange(event, digest);
    const subscriptions = subscriptionChange(event);
    if (accountId !== null) {
      const place = { appId, accountId };
      if (change !== undefined) applyAccountChange(rows, place, seq, receiveTimeMs, change);
      if (subscriptions !== undefined) applySubscriptions(rows, place, subscriptions);
      for (const user of usersNamed(change, subscriptions)) rows.add("eventUsers", { app_id: appId, user, seq });
      applyMessages(rows, place, messageChange(event, digest), seq);
    }
    const followedUp = join?.settle() ?? [];
    if (flagged !== undefined) insertDecision(rows, flagged, { actionDigest: undefined, eventSeq: seq });
    return (at) => ({ eventId: formatSequenceId("evt", at(seq)), duplicate: false, ...followedUpAt(followedUp, at) });
  }
}

interface Place {
  appId: number;
  accountId: string;
}

function applyAccountChange(
  rows: WorkingRows,
  { appId, accountId }: Place,
  seq: number,
  receiveTimeMs: number | null,
  change: AccountChange,
): void {
  const before = rows.account(appId, accountId);
  const { stamp, eventTimeMs, operator, writes } = change;
  let revision = before?.row.revision ?? 0;
  if (Object.keys(writes).length > 0) {
    const [time, rank, digest] = stamp;
    const { owner, name, introduction, faceUrl, organization, state } = writes;
    rows.keepChange(appId, accountId, change, {
      ...{ app_id: appId, account_id: accountId, time, rank, digest, seq, timed: eventTimeMs === null ? 0 : 1 },
      ...{ receive_time: receiveTimeMs, operator, owner, name, introduction, face_url: faceUrl, organization, state },
    });
    revision = isLatest(change, before?.record)
      ? nextRevision(revision, saidFields(before?.record), writes)
      : countRevisions(rows.saidOf(appId, accountId));
  }
  const after = applyChange(before?.record, change);
  for (const former of formerOwners(before?.record, change, after))
    rows.add("accountOwners", { app_id: appId, owner: former, account_id: accountId });
  const { messages_sent = 0, messages_withdrawn = 0 } = before?.row ?? {};
  rows.keepAccount({ ...accountRow(appId, accountId, after, revision), messages_sent, messages_withdrawn });
}

function accountRow(appId: number, accountId: string, record: Parameters<typeof valuesOfRecord>[0], revision: number): AccountRow {
  const { fields, normalizedName, created, firstEventMs, lastEventMs, fullMs, stamps } = record;
  return {
    app_id: appId,
    account_id: accountId,
    owner: fields.owner,
    name: fields.name,
    normalized_name: normalizedName,
    introduction: fields.introduction,
    face_url: fields.faceUrl,
    organization: fields.organization,
    state: fields.state,
    created: Number(created),
    first_event_time: firstEventMs,
    last_event_time: lastEventMs,
    full_time: fullMs,
    stamps: JSON.stringify(stamps),
    revision,
  };
}

function applySubscriptions(rows: WorkingRows, { appId, accountId }: Place, change: SubscriptionChange): void {
  for (const user of change.subscribers) {
    const before = rows.subscription(appId, accountId, user);
    const after = applySubscription(before, change);
    rows.keepSubscription(appId, accountId, user, after);
    const more = Number(isInForce(after)) - Number(isInForce(before));
    if (more !== 0) rows.countSubscriptions(appId, accountId, user, more);
  }
}

function applyMessages(rows: WorkingRows, { appId, accountId }: Place, change: MessageChange | undefined, seq: number): void {
  if (change === undefined) return;
  const keys = change.change === "withdrawn" ? change.keys : change.key === "" ? [] : [change.key];
  let sent = change.change === "sent" && change.key === "" ? 1 : 0;
  let withdrawn = 0;
  for (const key of keys) {
    const before = rows.message(appId, accountId, key);
    const after = applyMessage(before, change, seq);
    rows.keepMessage(appId, accountId, key, after);
    if (before.sentSeq === null && after.sentSeq !== null) sent += 1;
    if (before.withdrawnMs === null && after.withdrawnMs !== null) withdrawn += 1;
  }
  const account = rows.account(appId, accountId);
  if (account === undefined || (sent === 0 && withdrawn === 0)) return;
  const { messages_sent, messages_withdrawn } = account.row;
  rows.keepAccount({ ...account.row, messages_sent: messages_sent + sent, messages_withdrawn: messages_withdrawn + withdrawn });
}

/** The users that an event names, each once: operator, owner, subscribers. */
function usersNamed(change: AccountChange | undefined, subscriptions: SubscriptionChange | undefined): Set<string> {
  const users = new Set(subscriptions?.subscribers);
  if (change?.operator) users.add(change.operator);
  if (change?.writes.owner) users.add(change.writes.owner);
  return users;
}
