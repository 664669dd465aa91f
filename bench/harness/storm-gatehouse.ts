// Gatehouse in a storm: signed webhooks before and after, and Decide and Record over gRPC, all of which must be kept once they are answered.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import Database from "better-sqlite3";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { portsIn } from "./gatehouse.ts";
import type { Kept, StormKind, StormSubject } from "./kill-storm.ts";
import { pinnedNode, type ServerProcess, startServer } from "./processes.ts";
import { benchApp } from "./requests.ts";

interface Ways {
  agent: Agent;
  webhookPort: number;
  moderation: Client<typeof ModerationService>;
}

const token = "kill-storm-token";
const [askedByWebhook, toldByWebhook, asked, told] = ["webhook before", "webhook after", "gRPC Decide", "gRPC Record"];

/** Names with an odd last digit are denied by a code of the policy's own, so that not all verdicts are alike. */
const policy = `name: storm
rules:
  - id: odd
    on: [create_account]
    when: name.endsWith("1") || name.endsWith("3") || name.endsWith("5") || name.endsWith("7") || name.endsWith("9")
    then: { deny: { code: 120001, message: odd } }
`;

/** Its database is in `folder`, and stays from one start to the next. */
export function gatehouseInStorm(folder: string): StormSubject<Ways> {
  mkdirSync(folder, { recursive: true });
  const database = join(folder, "gatehouse.db");
  const policyFile = join(folder, "policy.yaml");
  writeFileSync(policyFile, policy);
  return {
    kinds,
    start: () => start(database, policyFile),
    connect(server) {
      const agent = new Agent({ keepAlive: true });
      const baseUrl = `http://127.0.0.1:${server.ports.grpc}`;
      const sessionManager = new Http2SessionManager(baseUrl);
      const moderation = createClient(ModerationService, createGrpcTransport({ baseUrl, sessionManager }));
      return {
        to: { agent, webhookPort: server.ports.webhook ?? 0, moderation },
        cut() {
          agent.destroy();
          sessionManager.abort();
        },
      };
    },
    inspect: () => inspect(folder, database),
    read,
  };
}

function start(database: string, policyFile: string): Promise<ServerProcess> {
  return startServer({
    command: [pinnedNode(), "src/gatehouse.js", "serve"],
    env: {
      GATEHOUSE_CONFIG: "config/gatehouse.yaml",
      GATEHOUSE_APPS: `${benchApp}=${token}`,
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
      GATEHOUSE_DATABASE: database,
      GATEHOUSE_POLICY: policyFile,
      // The policy never answers 1, so that a fallback, which promises no record, can be told from a decision.
      GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT: "deny",
      GATEHOUSE_LOG_LEVEL: "error",
    },
    ready: (output) => portsIn(output, "webhook", "api", "grpc"),
  });
}

const kinds: readonly StormKind<Ways>[] = [
  {
    name: askedByWebhook,
    // Chat never repeats what it asks.
    repeats: false,
    callers: 16,
    async send(ways, id) {
      const { code } = await post(ways, "Before", { Operator_Account: "ann", Owner_Account: "ann", Name: id });
      return code === 1 ? undefined : String(code);
    },
  },
  {
    name: toldByWebhook,
    repeats: true,
    callers: 8,
    async send(ways, id) {
      const creation = { Official_Account: id, Operator_Account: "ann", Owner_Account: "ann", Name: id, EventTime: 1_670_574_414_123 };
      const { status } = await post(ways, "After", creation);
      return status === "OK" ? "recorded" : undefined;
    },
  },
  {
    name: asked,
    repeats: true,
    callers: 8,
    async send({ moderation }, id) {
      const action = { case: "createAccount" as const, value: { operator: "ann", owner: "ann", name: id } };
      const { decision } = await moderation.decide({ appId: benchApp, requestId: id, action });
      return decision && `${decision.decisionId} ${decision.code}`;
    },
  },
  {
    name: told,
    repeats: true,
    callers: 8,
    async send({ moderation }, id) {
      const event = { case: "accountCreated" as const, value: { accountId: id, owner: "ann", name: id } };
      return (await moderation.record({ appId: benchApp, event })).eventId;
    },
  },
];

function post({ agent, webhookPort }: Ways, when: "Before" | "After", body: object): Promise<{ status: unknown; code: unknown }> {
  const seconds = Math.floor(Date.now() / 1000);
  const sign = createHash("sha256").update(`${token}${seconds}`).digest("hex");
  const command = `OfficialAccount.Callback${when}CreateOfficialAccount`;
  const url = `http://127.0.0.1:${webhookPort}/?SdkAppid=${benchApp}&CallbackCommand=${command}&Sign=${sign}&RequestTime=${seconds}`;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject).on("end", () => {
        if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}: ${text}`));
        const { ActionStatus: status, ErrorCode: code } = JSON.parse(text) as Record<string, unknown>;
        resolve({ status, code });
      });
    });
    sent.on("error", reject).end(JSON.stringify(body));
  });
}

/** Looks at a copy, so that the next start finds the log as the killed one left it. */
function inspect(folder: string, database: string): string[] {
  const copies = mkdtempSync(join(folder, "inspected-"));
  const copy = join(copies, "copy.db");
  for (const suffix of ["", "-wal"]) if (existsSync(`${database}${suffix}`)) copyFileSync(`${database}${suffix}`, `${copy}${suffix}`);
  const opened = new Database(copy);
  const found = opened.pragma("integrity_check") as { integrity_check: string }[];
  const orphans = opened.pragma("foreign_key_check") as unknown[];
  opened.close();
  rmSync(copies, { recursive: true });
  return [...found.map((row) => row.integrity_check).filter((line) => line !== "ok"), ...orphans.map((row) => JSON.stringify(row))];
}

/** Everything by RPC: decisions and events from the feed, and accounts from the registry, of which each event made one. */
async function read(server: ServerProcess): Promise<Kept[]> {
  const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${server.ports.api}`, httpVersion: "1.1" });
  const accounts = await readAccounts(createClient(AccountService, transport));
  const feed = createClient(FeedService, transport);
  const kept: Kept[] = [];
  const created = new Set<string>();
  for (let cursor = "", more = true; more; ) {
    const page = await feed.listChanges({ cursor, pageSize: 1000 });
    for (const { change } of page.changes) {
      if (change.case === "decision" && change.value.action.case === "createAccount") {
        const { decisionId, code, requestId, action } = change.value;
        const { name } = action.value;
        if (requestId === name) kept.push({ kind: asked, id: name, answer: `${decisionId} ${code}` });
        else kept.push({ kind: askedByWebhook, id: name, answer: String(code) });
      }
      if (change.case === "event" && change.value.event.case === "accountCreated") {
        const { accountId: id } = change.value.event.value;
        created.add(id);
        if (change.value.origin?.source === "webhook") kept.push({ kind: toldByWebhook, id, answer: "recorded" });
        else kept.push({ kind: told, id, answer: change.value.eventId });
      }
    }
    cursor = page.cursor;
    more = page.hasMore;
  }
  if (accounts.symmetricDifference(created).size > 0) throw new Error("the registry of accounts is not what the events tell");
  return kept;
}

async function readAccounts(client: Client<typeof AccountService>): Promise<Set<string>> {
  const found = new Set<string>();
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await client.listAccounts({ pageSize: 1000, pageToken });
    for (const { accountId } of page.accounts) found.add(accountId);
    pageToken = page.nextPageToken;
  }
  return found;
}
