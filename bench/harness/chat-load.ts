// Chat under load: connections that ask about a creation, tell of it, and keep account of every answer.
import { Agent, request } from "node:http";

/** How to load. */
export interface ChatLoadOptions {
  port: number;
  /** SDKAppID. */
  app: number;
  connections: number;
  /** How often each connection asks and tells at most, in milliseconds from one to the next. Default: as soon as it has its answers. */
  everyMs?: number;
}

/** An event that was acknowledged, and when it was sent and answered, in milliseconds on the clock of `performance.now()`. */
export interface Acknowledged {
  id: string;
  sentMs: number;
  answeredMs: number;
}

/** How a load went. */
export interface ChatLoadResult {
  /** The names of the creations that were asked about. */
  asked: string[];
  acknowledged: Acknowledged[];
  /** Answers that are not 200, OK and 0. */
  unwell: string[];
  /** How long each answer took, in milliseconds. */
  latencies: number[];
}

/** A load that runs. */
export interface ChatLoad {
  acknowledged: readonly Acknowledged[];
  /** Asks nothing more; resolves when all answers are there, and rejects when one never came. */
  stop(): Promise<ChatLoadResult>;
  /** Breaks everything off. */
  cut(): void;
}

const command = (name: string) => `OfficialAccount.Callback${name}CreateOfficialAccount`;

export function startChatLoad({ port, app, connections, everyMs = 0 }: ChatLoadOptions): ChatLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const result: ChatLoadResult = { asked: [], acknowledged: [], unwell: [], latencies: [] };
  let running = true;
  let count = 0;

  async function send(name: string, body: object): Promise<{ sentMs: number; answeredMs: number; isWell: boolean }> {
    const sentMs = performance.now();
    const url = `http://127.0.0.1:${port}/?SdkAppid=${app}&CallbackCommand=${command(name)}`;
    const { status, text } = await post(agent, url, JSON.stringify(body));
    const answeredMs = performance.now();
    result.latencies.push(answeredMs - sentMs);
    const { ActionStatus, ErrorCode } = JSON.parse(text) as { ActionStatus?: unknown; ErrorCode?: unknown };
    const isWell = status === 200 && ActionStatus === "OK" && ErrorCode === 0;
    if (!isWell) result.unwell.push(`${name} ${status} ${text}`);
    return { sentMs, answeredMs, isWell };
  }

  async function connection(): Promise<void> {
    while (running) {
      const startMs = performance.now();
      const id = String(count++);
      const creation = { Operator_Account: "ann", Owner_Account: `owner-${id}`, Name: id };
      result.asked.push(id);
      await send("Before", creation);
      const { isWell, ...times } = await send("After", { Official_Account: id, ...creation });
      if (isWell) result.acknowledged.push({ id, ...times });
      const restMs = startMs + everyMs - performance.now();
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }

  const ended = Promise.all(Array.from({ length: connections }, connection));
  // Whoever stops the load hears of it.
  ended.catch(() => undefined);
  return {
    acknowledged: result.acknowledged,
    async stop() {
      running = false;
      await ended;
      agent.destroy();
      return result;
    },
    cut() {
      running = false;
      agent.destroy();
    },
  };
}

function post(agent: Agent, url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", reject).on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on("error", reject).end(body);
  });
}

/** The accounts in the order of a feed that stand before one that was acknowledged before they were sent. */
export function outOfOrder(accounts: readonly string[], acknowledged: readonly Acknowledged[]): string[] {
  const byId = new Map(acknowledged.map((event) => [event.id, event]));
  const found: string[] = [];
  let earliestLaterMs = Number.POSITIVE_INFINITY;
  for (const id of accounts.toReversed()) {
    const event = byId.get(id);
    if (event === undefined) continue;
    if (earliestLaterMs < event.sentMs) found.push(id);
    earliestLaterMs = Math.min(earliestLaterMs, event.answeredMs);
  }
  return found;
}
