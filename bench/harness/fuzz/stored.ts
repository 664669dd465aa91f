// Reads everything that a service has stored, through its services, and says what is not as it should be.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createRegistry, type Message, toJson } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AccountService } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../../../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { file_gatehouse_v1_decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import { file_gatehouse_v1_event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FeedService } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { PolicyService } from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { pinnedNode, runConfined } from "../processes.ts";
import { benchApp } from "../requests.ts";
import { fuzzedServices } from "./message-cases.ts";

const registry = createRegistry(...fuzzedServices.map(({ file }) => file), file_gatehouse_v1_decision, file_gatehouse_v1_event);

/** How much is stored, by kind, and what is wrong with it. */
export interface Stored {
  counts: Record<string, number>;
  problems: string[];
}

type Page = { nextPageToken?: string };
type PageOptions = { pageSize: number; pageToken: string };

/** Reads it all from the service whose api listener is at `baseUrl`. */
export async function readStored(baseUrl: string): Promise<Stored> {
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true });
  const stored: Stored = { counts: {}, problems: [] };
  const take = (kind: string, messages: readonly Message[]) => {
    stored.counts[kind] = (stored.counts[kind] ?? 0) + messages.length;
    for (const message of messages) stored.problems.push(...problemsOf(kind, message));
  };
  await readFeed(transport, take);
  const accounts = createClient(AccountService, transport);
  const lists = createClient(ListService, transport);
  const policies = createClient(PolicyService, transport);
  await eachPage(
    (page) => createClient(DecisionService, transport).listDecisions(page),
    (found) => take("decisions", found.decisions),
  );
  const accountIds: string[] = [];
  await eachPage(
    (page) => accounts.listAccounts(page),
    (found) => {
      take("accounts", found.accounts);
      accountIds.push(...found.accounts.map(({ accountId }) => accountId));
    },
  );
  for (const accountId of accountIds) {
    const of = { appId: benchApp, accountId };
    await eachPage(
      (page) => accounts.listAccountEvents({ ...of, ...page }),
      (found) => take("account events", found.events),
    );
    await eachPage(
      (page) => accounts.listAccountRevisions({ ...of, ...page }),
      (found) => take("account revisions", found.revisions),
    );
    await eachPage(
      (page) => accounts.listMessages({ ...of, ...page }),
      (found) => take("messages", found.messages),
    );
  }
  const { lists: known } = await lists.listLists({});
  take("lists", known);
  for (const { list } of known) {
    await eachPage(
      (page) => lists.listEntries({ list, ...page }),
      (found) => take("list entries", found.entries),
    );
    await eachPage(
      (page) => lists.listEdits({ list, ...page }),
      (found) => take("list edits", found.edits),
    );
  }
  await eachPage(
    (page) => policies.listPolicies(page),
    (found) => take("policies", found.policies),
  );
  await eachPage(
    (page) => policies.listActivations(page),
    (found) => take("activations", found.activations),
  );
  await eachPage(
    (page) => createClient(CaseService, transport).listCases(page),
    (found) => take("cases", found.cases),
  );
  await eachPage(
    (page) => createClient(KeyService, transport).listKeys(page),
    (found) => take("keys", found.keys),
  );
  await eachPage(
    (page) => createClient(AuditService, transport).listAuditEntries(page),
    (found) => take("audit entries", found.entries),
  );
  return stored;
}

async function eachPage<P extends Page>(read: (page: PageOptions) => Promise<P>, onPage: (page: P) => void): Promise<void> {
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await read({ pageSize: 500, pageToken });
    onPage(page);
    pageToken = page.nextPageToken ?? "";
  }
}

async function readFeed(transport: Transport, take: (kind: string, messages: readonly Message[]) => void): Promise<void> {
  const client = createClient(FeedService, transport);
  for (let cursor = "", more = true; more; ) {
    const page = await client.listChanges({ cursor, pageSize: 500 });
    take("changes", page.changes);
    cursor = page.cursor;
    more = page.hasMore;
  }
}

/** Writes the whole feed by `gatehouse feed export`, and gives the number of its lines, each of which must be JSON. */
export async function exportFeed(baseUrl: string, file: string, onProblem: (problem: string) => void): Promise<number> {
  await runConfined([pinnedNode(), "src/gatehouse.js", "feed", "export", "--output", file, "--until-now", "--server", baseUrl]);
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    lines++;
    try {
      JSON.parse(line);
    } catch (error) {
      onProblem(`feed export: line ${lines}: ${error}`);
    }
  }
  return lines;
}

/** Half surrogates, numbers that are none, and what cannot be written as JSON. */
function problemsOf(kind: string, message: Message): string[] {
  const problems: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "string" && !value.isWellFormed()) problems.push(`${kind}: ${path} is not well-formed`);
    else if (typeof value === "number" && !Number.isFinite(value)) problems.push(`${kind}: ${path} is ${value}`);
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, `${path}[${i}]`);
    else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array))
      for (const [name, member] of Object.entries(value)) walk(member, `${path}.${name}`);
  };
  walk(message, "");
  try {
    const schema = registry.getMessage(message.$typeName);
    if (schema === undefined) throw new Error(`${message.$typeName} is not in the schema`);
    JSON.stringify(toJson(schema, message));
  } catch (error) {
    problems.push(`${kind}: cannot be written as JSON: ${error}`);
  }
  return problems;
}
