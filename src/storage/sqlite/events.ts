// The log of events in SQLite.
import { accountChange } from "../account-change.ts";
import { happenedValues } from "../creation-happened.ts";
import { encodeDecision } from "../decision-codec.ts";
import { encodeEvent } from "../event-codec.ts";
import { type EventRow, eventOf, selectEvent } from "../event-rows.ts";
import { followedUpOf, seqOf } from "../followed-up.ts";
import { messageChange } from "../message-change.ts";
import { digestHex } from "../message-json.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { happenedParts } from "../parts-happened.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { AppendedEvent, Events, NewEvent, StoredFacts } from "../storage.ts";
import { subscriptionChange } from "../subscription-change.ts";
import { valuesOfDecision } from "./decision-rows.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";
import type { WriteArguments, WriteResult } from "./writes.ts";

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

function appendedOf(result: WriteResult<"appendEvent">): AppendedEvent {
  const seq = seqOf(result);
  const appended = { eventId: formatSequenceId("evt", Math.abs(seq)), duplicate: seq < 0 };
  const followedUp = followedUpOf(result);
  return followedUp === undefined ? appended : { ...appended, followedUp };
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
