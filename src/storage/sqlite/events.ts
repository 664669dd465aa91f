// The log of events in SQLite.
import { accountChange } from "../account-change.ts";
import { decodeEvent, encodeEvent } from "../event-codec.ts";
import { digestHex } from "../message-json.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Events } from "../storage.ts";
import type { Reader } from "./reader.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { Writer } from "./writer.ts";

interface EventRow {
  seq: number;
  app_id: number;
  event_time: number | null;
  receive_time: number | null;
  body: string;
}

/** Creates the log of events over the two sides of the store. */
export function createEvents(reader: Reader, writer: Writer): Events {
  return {
    async appendEvent(event, digest) {
      const { appId, accountId, eventTimeMs, receiveTimeMs, body } = encodeEvent(event);
      const change = accountChange(event, digest);
      const changeJson = change === undefined ? null : JSON.stringify(change);
      const seq = await writer.write(["appendEvent", appId, accountId, digestHex(digest), eventTimeMs, receiveTimeMs, body, changeJson]);
      return { eventId: formatSequenceId("evt", Math.abs(seq)), duplicate: seq < 0 };
    },

    async listAccountEvents(appId, accountId, page) {
      const rows = reader.all<EventRow>(
        `SELECT seq, app_id, event_time, receive_time, body FROM events
           WHERE app_id = ? AND account_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
        appId,
        accountId,
        page.after === undefined ? 0 : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, eventOf, (row) => String(row.seq));
    },
  };
}

function eventOf(row: EventRow) {
  return decodeEvent(formatSequenceId("evt", row.seq), {
    appId: row.app_id,
    eventTimeMs: row.event_time,
    receiveTimeMs: row.receive_time,
    body: row.body,
  });
}
