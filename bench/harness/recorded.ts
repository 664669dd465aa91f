// What a service has recorded of the creations that Chat asked about and told of.
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";

/** Creations in the order of the feed. */
export interface Recorded {
  /** The accounts that were created. */
  accounts: string[];
  /** The decisions on creations, with the names that they are about. */
  decisions: { name: string; decision: Decision }[];
}

/** Reads the whole feed of the service whose api listener is at `baseUrl`. */
export async function readRecorded(baseUrl: string): Promise<Recorded> {
  const client = createClient(FeedService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const recorded: Recorded = { accounts: [], decisions: [] };
  for (let cursor = "", more = true; more; ) {
    const page = await client.listChanges({ cursor, pageSize: 1000 });
    for (const { change } of page.changes) {
      if (change.case === "event" && change.value.event.case === "accountCreated")
        recorded.accounts.push(change.value.event.value.accountId);
      if (change.case === "decision" && change.value.action.case === "createAccount") {
        recorded.decisions.push({ name: change.value.action.value.name, decision: change.value });
      }
    }
    cursor = page.cursor;
    more = page.hasMore;
  }
  return recorded;
}

/** The verdicts of all degraded decisions, those included that were marked after they were made. */
export async function readDegraded(baseUrl: string): Promise<Verdict[]> {
  const client = createClient(DecisionService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const found: Verdict[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await client.listDecisions({ pageSize: 1000, pageToken });
    for (const { degraded, verdict } of page.decisions) if (degraded) found.push(verdict);
    pageToken = page.nextPageToken;
  }
  return found;
}
