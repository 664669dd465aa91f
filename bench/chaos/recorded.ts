// What is recorded in the end, read through a replica.
import { createClient, type Transport } from "@connectrpc/connect";
import type { Decision } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { type Change, FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";

/** A change with what it is about. */
export type RecordedChange = { name: string } & (
  | { kind: "decision"; decision: Decision; key: string }
  | { kind: "event"; key: string; destroyed: string | undefined }
  | { kind: "other" }
);

const pageSize = 1000;

/** Tells a change from all others, and where in the feed it stands. */
export function nameOfChange({ cursor, change }: Change): string {
  const id = change.case === "decision" ? change.value.decisionId : change.case === "event" ? change.value.eventId : "";
  return `${change.case} ${id} at ${Buffer.from(cursor, "base64url")}`;
}

/** Reads the whole feed. */
export async function readFeed(transport: Transport): Promise<RecordedChange[]> {
  const client = createClient(FeedService, transport);
  const all: RecordedChange[] = [];
  for (let cursor = "", more = true; more; ) {
    const page = await client.listChanges({ cursor, pageSize });
    for (const change of page.changes) all.push({ name: nameOfChange(change), ...contentOf(change) });
    cursor = page.cursor;
    more = page.hasMore;
  }
  return all;
}

/** The ids of all degraded decisions, those included that were marked after they were made. */
export async function readDegraded(transport: Transport): Promise<Set<string>> {
  const client = createClient(DecisionService, transport);
  const found = new Set<string>();
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await client.listDecisions({ pageSize, pageToken });
    for (const { degraded, decisionId } of page.decisions) if (degraded) found.add(decisionId);
    pageToken = page.nextPageToken;
  }
  return found;
}

function contentOf({ change }: Change) {
  if (change.case === "decision") return { kind: "decision", decision: change.value, key: keyOfDecision(change.value) } as const;
  if (change.case === "event") return { kind: "event", ...contentOfEvent(change.value) } as const;
  return { kind: "other" } as const;
}

/** What only this decision is about: a name, or an account. */
function keyOfDecision({ action }: Decision): string {
  if (action.case === "createAccount") return action.value.name;
  return action.case === "addSubscribers" ? action.value.accountId : "";
}

/** What an event is called in the ledger. */
function contentOfEvent({ event, eventId }: Event): { key: string; destroyed: string | undefined } {
  const destroyed = event.case === "accountDestroyed" ? event.value.owner : undefined;
  const words = {
    accountCreated: "created",
    accountDestroyed: "destroyed",
    accountProfileChanged: "renamed",
    subscribersAdded: "subscribed",
  };
  switch (event.case) {
    case "accountCreated":
    case "accountDestroyed":
    case "accountProfileChanged":
    case "subscribersAdded":
      return { key: `${words[event.case]} ${event.value.accountId}`, destroyed };
    default:
      return { key: eventId, destroyed };
  }
}
