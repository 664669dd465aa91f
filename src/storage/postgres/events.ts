// The log of events in PostgreSQL.
import { type EventRow, eventOf, selectEvent } from "../event-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Events } from "../storage.ts";
import type { AppendDecisionDeps } from "./append-decision.ts";
import { eventAppender, eventsAppender } from "./append-event.ts";

/** About how many bytes an event holds while it waits. */
const eventBytes = 1000;

/** Creates the log of events. */
export function createEvents({ reader, commits, memory }: AppendDecisionDeps): Events {
  return {
    appendEvent(event, digest, nowMs, handling) {
      const appending = handling === undefined ? { event, digest } : { event, digest, handling };
      return commits.commit(eventAppender(appending, nowMs, memory), { isDecision: false, turn: "later", bytes: eventBytes });
    },

    appendEvents(events, nowMs) {
      const how = { isDecision: false, turn: "later", bytes: eventBytes * events.length } as const;
      return commits.commit(eventsAppender(events, nowMs, memory), how);
    },

    async listAccountEvents(appId, accountId, page) {
      const rows = await reader.all<EventRow>(
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
