// The log of events in SQLite.
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { normalize } from "../../text/normalize.ts";
import { accountChange } from "../account-change.ts";
import { encodeDecision } from "../decision-codec.ts";
import { decodeEvent, encodeEvent } from "../event-codec.ts";
import { messageChange } from "../message-change.ts";
import { digestHex } from "../message-json.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Events, FlagEvent, StoredFacts } from "../storage.ts";
import { subscriptionChange } from "../subscription-change.ts";
import { valuesOfDecision } from "./decision-rows.ts";
import type { Reader } from "./reader.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { Writer } from "./writer.ts";
import type { WriteArguments } from "./writes.ts";

/** A row as `selectEvent` reads it. */
export interface EventRow {
  seq: number;
  app_id: number;
  event_time: number | null;
  receive_time: number | null;
  body: string;
}

/** Reads whole rows; a WHERE may follow. */
export const selectEvent = "SELECT seq, app_id, event_time, receive_time, body FROM events";

/** Creates the log of events over the two sides of the store. */
export function createEvents(reader: Reader, writer: Writer, factsAt: (nowMs: number) => StoredFacts): Events {
  function valuesOf(event: Event, digest: Uint8Array, nowMs: number, flag: FlagEvent | undefined): WriteArguments["appendEvent"] {
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
      jsonOrNull(confirmedBy(event)),
      // The request_id is the event's, and must not take that of a decision.
      jsonOrNull(decision && valuesOfDecision({ ...encodeDecision(decision), requestId: null }, undefined)),
    ];
  }

  return {
    async appendEvent(event, digest, nowMs, flag) {
      reader.assertOpen();
      const seq = await writer.write(["appendEvent", ...valuesOf(event, digest, nowMs, flag)]);
      return { eventId: formatSequenceId("evt", Math.abs(seq)), duplicate: seq < 0 };
    },

    async appendEvents(events, nowMs) {
      reader.assertOpen();
      const values = events.map(({ event, digest, flag }) => valuesOf(event, digest, nowMs, flag));
      return { duplicates: await writer.write(["appendEvents", JSON.stringify(values)]) };
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

/** Owner and name of the reservation that an event ends. */
function confirmedBy({ event }: Event): [owner: string, normalizedName: string] | undefined {
  return event.case === "accountCreated" ? [event.value.owner, normalize(event.value.name)] : undefined;
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The event of a row. */
export function eventOf(row: EventRow): Event {
  return decodeEvent(formatSequenceId("evt", row.seq), {
    appId: row.app_id,
    eventTimeMs: row.event_time,
    receiveTimeMs: row.receive_time,
    body: row.body,
  });
}
