// Chat in front of replicas: each webhook goes to one of them, and to another when the connection breaks; after 2 s Chat gives up.
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Lag } from "./lag.ts";
import type { Excuse, Ledger } from "./ledger.ts";
import type { Replicas, Target } from "./replicas.ts";

/** How long Chat waits. */
const patienceMs = 2000;

/** How long to wait when there is no replica to ask. */
const noReplicaMs = 10;

/** How long an event is told again and again until it is acknowledged. */
const eventPatienceMs = 30_000;
const eventPauseMs = 100;

/** A webhook that was answered as it must be. */
export interface Answered {
  code: number;
  /** False: the event is not acknowledged. */
  isOk: boolean;
  /** Who has answered. */
  target: Target;
  /** The body that was answered, of those that were sent. */
  attempt: number;
}

/** Chat. */
export interface Chat {
  /** Asks; the attempts are counted from 0 and each has a body of its own. Undefined when there was no answer in time. */
  ask(command: string, bodyOf: (attempt: number) => object): Promise<Answered | undefined>;
  /** Tells of an event until it is acknowledged, as Chat does that repeats. `key` names the event in the ledger. Results in whether it was. */
  tell(key: string, command: string, body: object): Promise<boolean>;
}

/** Creates Chat for one app. */
export function createChat(app: number, replicas: Replicas, ledger: Ledger, lag: Lag): Chat {
  const { webhooks } = ledger;

  async function ask(command: string, bodyOf: (attempt: number) => object): Promise<Answered | undefined> {
    const startMs = performance.now();
    let excuse: Excuse = "none";
    for (let attempt = 0; ; ) {
      const leftMs = startMs + patienceMs - performance.now();
      const target = replicas.pick();
      if (leftMs > 0 && target === undefined) {
        await delay(noReplicaMs);
        continue;
      }
      const text = leftMs <= 0 || target === undefined ? "late" : await post(target, pathOf(app, command), bodyOf(attempt), leftMs);
      if (text === "late" || target === undefined) {
        if (target?.isPaused || (target?.resumedMs ?? 0) > startMs) excuse = "its replica stood still";
        if (excuse === "none" && lag.lastMs() > startMs) excuse = "this load itself stood still";
        webhooks.late[excuse] += 1;
        if (excuse === "none") {
          const waited = `${(performance.now() - startMs).toFixed(0)} ms, attempt ${attempt + 1}, replica ${target?.replica ?? "none"}`;
          webhooks.unexcused.push(`${new Date().toISOString().slice(11, 23)} ${command}: ${waited}`);
        }
        return undefined;
      }
      if (text !== undefined) {
        const read = readAnswer(text);
        if (read === undefined) {
          webhooks.invalid.push(`${command}: ${text.slice(0, 200)}`);
          return undefined;
        }
        webhooks.latencies.push(performance.now() - startMs);
        return { ...read, target, attempt };
      }
      if (target.isGone) excuse = "its replica was killed";
      attempt += 1;
    }
  }

  return {
    ask,
    async tell(key, command, body) {
      const untilMs = performance.now() + eventPatienceMs;
      while (performance.now() < untilMs) {
        const answered = await ask(command, () => body);
        if (answered?.isOk) {
          ledger.events.add(key);
          return true;
        }
        await delay(eventPauseMs);
      }
      ledger.givenUp += 1;
      return false;
    },
  };
}

function pathOf(app: number, command: string): string {
  return `/?SdkAppid=${app}&CallbackCommand=OfficialAccount.Callback${command}&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI`;
}

/** The answer with its status before it; undefined when the connection broke, "late" when there was none in time. */
function post(target: Target, path: string, body: object, withinMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { agent, webhookPort: port } = target;
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", agent }, (answer) => {
      let text = `${answer.statusCode} `;
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", () => settle(undefined)).on("end", () => settle(text));
    });
    const timer = setTimeout(() => {
      settle("late");
      sent.destroy();
    }, withinMs);
    const settle = (text: string | undefined) => {
      clearTimeout(timer);
      resolve(text);
    };
    sent.on("error", () => settle(undefined)).end(JSON.stringify(body));
  });
}

function readAnswer(text: string): { code: number; isOk: boolean } | undefined {
  if (!text.startsWith("200 ")) return undefined;
  try {
    const { ActionStatus, ErrorCode, ErrorInfo } = JSON.parse(text.slice(4));
    if (!["OK", "FAIL"].includes(ActionStatus) || !Number.isInteger(ErrorCode) || typeof ErrorInfo !== "string") return undefined;
    return { code: ErrorCode, isOk: ActionStatus === "OK" };
  } catch {
    return undefined;
  }
}
