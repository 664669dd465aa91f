// The log of events in SQLite.
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp, type SubscriberFollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { normalize } from "../../text/normalize.ts";
import { accountChange } from "../account-change.ts";
import { encodeDecision } from "../decision-codec.ts";
import { decodeEvent, encodeEvent } from "../event-codec.ts";
import { type PartState, thingsOfSubscribers } from "../follow-up-parts.ts";
import { messageChange } from "../message-change.ts";
import { messageDigest } from "../message-digest.ts";
import { digestHex } from "../message-json.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { AppendedEvent, Events, FollowUpRules, NewEvent, StoredFacts } from "../storage.ts";
import { subscribersOfEvent } from "../subscriber-follow-ups.ts";
import { subscriptionChange } from "../subscription-change.ts";
import type { HappenedValues } from "./creation-rows.ts";
import { valuesOfDecision } from "./decision-rows.ts";
import { followedUpOf, seqOf } from "./followed-up.ts";
import type { Reader } from "./reader.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { HappenedParts } from "./write-part-follow-ups.ts";
import type { Writer } from "./writer.ts";
import type { WriteArguments, WriteResult } from "./writes.ts";

/** A row as `selectEvent` reads it. */
export interface EventRow {
  seq: number;
  app_id: number;
  event_time: number | null;
  receive_time: number | null;
  body: string;
  follow_up: FollowUp | null;
  decision_seq: number | null;
  /** JSON of PartState, one for each subscriber; null when all are as the event. */
  follow_up_parts: string | null;
}

/** Reads whole rows; a WHERE may follow. */
export const selectEvent = "SELECT seq, app_id, event_time, receive_time, body, follow_up, decision_seq, follow_up_parts FROM events";

/** Creates the log of events over the two sides of the store. */
export function createEvents(reader: Reader, writer: Writer, factsAt: (nowMs: number) => StoredFacts): Events {
  function valuesOf(
    { event, digest, handling: { flag, followUpMs, followUp } = {} }: NewEvent,
    nowMs: number,
  ): WriteArguments["appendEvent"] {
    const decision = flag?.(factsAt(nowMs));
    const { appId, accountId, eventTimeMs, receiveTimeMs, body } = encodeEvent(event);
    return [
      appId,
      accountId,
      digestHex(digest),
      eventTimeMs,
      receiveTimeMs,
      body,
      nowMs,
      jsonOrNull(accountChange(event, digest)),
      jsonOrNull(subscriptionChange(event)),
      jsonOrNull(messageChange(event, digest)),
      followUpMs === undefined ? null : jsonOrNull(happenedValues(event, eventTimeMs ?? receiveTimeMs ?? nowMs, nowMs, followUpMs)),
      followUp === undefined ? null : jsonOrNull(happenedParts(event, digest, eventTimeMs ?? receiveTimeMs ?? nowMs, nowMs, followUp)),
      // The request_id is the event's, and must not take that of a decision.
      jsonOrNull(decision && valuesOfDecision({ ...encodeDecision(decision), requestId: null }, undefined)),
    ];
  }

  return {
    async appendEvent(event, digest, nowMs, handling = {}) {
      reader.assertOpen();
      return appendedOf(await writer.write(["appendEvent", ...valuesOf({ event, digest, handling }, nowMs)]));
    },

    async appendEvents(events, nowMs) {
      reader.assertOpen();
      const values = events.map((event) => valuesOf(event, nowMs));
      return (await writer.write(["appendEvents", JSON.stringify(values)])).map(appendedOf);
    },

    async listAccountEvents(appId, accountId, page) {
      const rows = reader.all<EventRow>(
        `${selectEvent} WHERE app_id = ? AND account_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
        appId,
        accountId,
        page.after === undefined ? 0 : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, eventOf, (row) => String(row.seq));
    },
  };
}

/** What a creation is joined by; undefined for other events, and for one without a name, which no request has. */
function happenedValues({ event }: Event, eventMs: number, nowMs: number, followUpMs: number): HappenedValues | undefined {
  if (event.case !== "accountCreated" || event.value.name === "") return undefined;
  const { operator, owner, name, accountId } = event.value;
  return [operator, owner, name, normalize(name), accountId, eventMs, eventMs < nowMs - followUpMs ? 1 : 0, followUpMs];
}

/** What added subscribers, or a sent message, are joined by; undefined for other events. */
function happenedParts(
  { event }: Event,
  digest: Uint8Array,
  eventMs: number,
  nowMs: number,
  rules: FollowUpRules,
): HappenedParts | undefined {
  const rest = { eventMs, digest: digestHex(digest), isLate: eventMs < nowMs - rules.followUpMs, rules };
  switch (event.case) {
    case "subscribersAdded": {
      const { subscribers, operator } = event.value;
      return { kind: "addSubscribers", things: thingsOfSubscribers(subscribers), user: operator || null, ...rest };
    }
    case "messageSent": {
      const { elements, customData } = event.value;
      return { kind: "sendMessage", things: [messageDigest(elements, customData)], user: null, ...rest };
    }
    default:
      return undefined;
  }
}

function appendedOf(result: WriteResult<"appendEvent">): AppendedEvent {
  const seq = seqOf(result);
  const appended = { eventId: formatSequenceId("evt", Math.abs(seq)), duplicate: seq < 0 };
  const followedUp = followedUpOf(result);
  return followedUp === undefined ? appended : { ...appended, followedUp };
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The event of a row. */
export function eventOf(row: EventRow): Event {
  const event = eventAsRecorded(row);
  if (row.follow_up !== null) event.followUp = row.follow_up;
  if (row.decision_seq !== null) event.decisionId = formatSequenceId("dec", row.decision_seq);
  if (row.follow_up !== null) event.subscriberFollowUps = subscribersOfRow(row, event);
  return event;
}

function subscribersOfRow({ follow_up, decision_seq, follow_up_parts }: EventRow, event: Event): SubscriberFollowUp[] {
  const states = follow_up_parts === null ? undefined : (JSON.parse(follow_up_parts) as PartState[]);
  return subscribersOfEvent(event, (place) => {
    const [followUp, seq] = states?.[place] ?? [follow_up ?? FollowUp.UNSPECIFIED, decision_seq ?? 0];
    return { followUp, decisionId: seq === 0 ? "" : formatSequenceId("dec", seq) };
  });
}

/** The event of a row without what it follows from, which can change. */
export function eventAsRecorded(row: EventRow): Event {
  return decodeEvent(formatSequenceId("evt", row.seq), {
    appId: row.app_id,
    eventTimeMs: row.event_time,
    receiveTimeMs: row.receive_time,
    body: row.body,
  });
}
