// Plays Chat while something breaks: a stream of webhooks, and a record of its own of what was answered to each.
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, vi } from "vitest";
import { AccountService } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import { testApp } from "../../gatehouse.ts";

/** Chat, while it plays. */
export interface Chat {
  /** The names of creations that were answered, with the ErrorCode. */
  answered: ReadonlyMap<string, number>;
  /** The ids of accounts whose creation was acknowledged. */
  acknowledged: ReadonlySet<string>;
  /** How many events were not acknowledged. */
  refused(): number;
  /** Resolves when so many more webhooks of each kind were answered, whatever the answer. */
  more(count: number): Promise<void>;
  /** Resolves when so many more events were acknowledged. */
  moreAcknowledged(count: number): Promise<void>;
  /** Stops, and resolves to what was wrong with answers: not 200, not of Chat's form, or later than 2 s. */
  stop(): Promise<string[]>;
}

const clients = 4;

/** How long a client waits between two webhooks, in milliseconds: some hundred webhooks a second in all. */
const paceMs = 20;

/** Begins to play, without signatures. `url` is that of the webhook listener. */
export function playChat(url: string): Chat {
  const answered = new Map<string, number>();
  const acknowledged = new Set<string>();
  const complaints: string[] = [];
  let refused = 0;
  let events = 0;
  let next = 0;
  let stopped = false;

  async function post(command: string, body: object): Promise<{ ActionStatus: string; ErrorCode: number } | undefined> {
    const parameters = new URLSearchParams({ SdkAppid: String(testApp), CallbackCommand: `OfficialAccount.${command}` });
    const beginMs = performance.now();
    try {
      const response = await fetch(`${url}/?${parameters}`, { method: "POST", body: JSON.stringify(body) });
      const text = await response.text();
      const tookMs = performance.now() - beginMs;
      const answer = JSON.parse(text) as { ActionStatus?: unknown; ErrorCode?: unknown; ErrorInfo?: unknown };
      const isValid = typeof answer.ActionStatus === "string" && Number.isInteger(answer.ErrorCode) && typeof answer.ErrorInfo === "string";
      if (response.status !== 200 || !isValid) complaints.push(`${command}: ${response.status} ${text}`);
      if (tookMs > 2000) complaints.push(`${command}: after ${Math.round(tookMs)} ms`);
      return answer as { ActionStatus: string; ErrorCode: number };
    } catch (error) {
      complaints.push(`${command}: ${String(error)}`);
      return undefined;
    }
  }

  async function client(): Promise<void> {
    while (!stopped) {
      const id = `n${next++}`;
      const who = { Operator_Account: `u${id}`, Owner_Account: `u${id}`, Name: id };
      const decision = await post("CallbackBeforeCreateOfficialAccount", who);
      if (decision !== undefined) answered.set(id, decision.ErrorCode);
      const event = await post("CallbackAfterCreateOfficialAccount", { ...who, Official_Account: `@${id}` });
      events += 1;
      if (event?.ActionStatus === "OK") acknowledged.add(`@${id}`);
      else refused += 1;
      await pause(paceMs);
    }
  }

  const playing = Promise.all(Array.from({ length: clients }, client));
  const until = async (count: () => number, more: number) => {
    const target = count() + more;
    await vi.waitUntil(() => count() >= target, { timeout: 30_000 });
  };
  return {
    answered,
    acknowledged,
    refused: () => refused,
    more: (count) => until(() => events, count),
    moreAcknowledged: (count) => until(() => acknowledged.size, count),
    async stop() {
      stopped = true;
      await playing;
      return complaints;
    },
  };
}

/** Waits until everything that Chat was told is recorded, and sees to it that all of it is there once. */
export async function expectKept(apiUrl: string, { answered, acknowledged }: Pick<Chat, "answered" | "acknowledged">): Promise<void> {
  const transport = createConnectTransport({ baseUrl: apiUrl, httpVersion: "1.1" });
  await vi.waitUntil(async () => (await namesOf(transport)).length >= answered.size, { timeout: 30_000, interval: 200 });
  const names = await namesOf(transport);
  expect(names.toSorted()).toEqual([...answered.keys()].toSorted());
  const accounts = await accountsOf(transport);
  expect([...acknowledged].filter((id) => !accounts.includes(id))).toEqual([]);
  expect(new Set(accounts).size).toBe(accounts.length);
}

async function namesOf(transport: Transport): Promise<string[]> {
  const client = createClient(DecisionService, transport);
  const names: string[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await client.listDecisions({ pageSize: 1000, pageToken });
    names.push(...page.decisions.map(({ action }) => (action.case === "createAccount" ? action.value.name : "")));
    pageToken = page.nextPageToken;
  }
  return names;
}

async function accountsOf(transport: Transport): Promise<string[]> {
  const client = createClient(AccountService, transport);
  const ids: string[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await client.listAccounts({ pageSize: 1000, pageToken });
    ids.push(...page.accounts.map(({ accountId }) => accountId));
    pageToken = page.nextPageToken;
  }
  return ids;
}

/** The value of a metric, by its name and labels as they are written; 0 when it is not there. */
export async function metric(apiUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const line = text.split("\n").find((found) => found.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** Resolves when the service says that it is ready, and that its store works. */
export async function healthy(apiUrl: string): Promise<void> {
  await vi.waitUntil(async () => (await fetch(`${apiUrl}/readyz`)).status === 200, { timeout: 30_000, interval: 100 });
  await vi.waitUntil(async () => (await metric(apiUrl, "gatehouse_store_up")) === 1, { timeout: 30_000, interval: 100 });
}
