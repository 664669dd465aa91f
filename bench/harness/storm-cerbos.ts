// Cerbos in the same storm: CheckResources over HTTP, of which each answer is to be in its decision log.
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import type { Kept, StormKind, StormSubject } from "./kill-storm.ts";
import { type CerbosLog, cerbosAdmin, cerbosLogFile, startCerbos } from "./peers.ts";

interface Way {
  agent: Agent;
  port: number;
}

/** Its log is in `folder`, a file or its own store with its own settings, and stays from one start to the next. */
export function cerbosInStorm(folder: string, log: CerbosLog): StormSubject<Way> {
  return {
    kinds: [checked],
    start: () => startCerbos(folder, 0, log),
    connect(server) {
      const agent = new Agent({ keepAlive: true });
      return { to: { agent, port: server.ports.http ?? 0 }, cut: () => agent.destroy() };
    },
    inspect: () => [],
    async read(server) {
      if (log === "file") return existsSync(cerbosLogFile(folder)) ? keptIn(readFileSync(cerbosLogFile(folder), "utf8")) : [];
      const url = `http://127.0.0.1:${server.ports.http}/admin/auditlog/list/KIND_DECISION?since=86400s`;
      const response = await fetch(url, { headers: { Authorization: cerbosAdmin } });
      if (!response.ok) throw new Error(`Cerbos' decision log cannot be read: ${await response.text()}`);
      return keptIn(await response.text());
    },
  };
}

const checked: StormKind<Way> = {
  name: "CheckResources",
  // Cerbos has no way to know a request again.
  repeats: false,
  callers: 40,
  send({ agent, port }, id) {
    const principal = { id: "ann", roles: ["user"] };
    const resource = { kind: "official_account", id: "new", attr: { name: id, operator: "ann", owner: "ann", live_accounts: 0 } };
    const body = JSON.stringify({ requestId: id, principal, resources: [{ actions: ["create"], resource }] });
    return new Promise((resolve, reject) => {
      const sent = request({ agent, port, host: "127.0.0.1", path: "/api/check/resources", method: "POST" }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("error", reject).on("end", () => {
          const effect = effectIn(text);
          if (response.statusCode === 200 && effect !== undefined) resolve(effect);
          else reject(new Error(`HTTP ${response.statusCode}: ${text.slice(0, 200)}`));
        });
      });
      sent.on("error", reject).end(body);
    });
  },
};

/** In answers the effect stands after the action, in the log in an object. */
function effectIn(text: string): string | undefined {
  return /"create":\s*(?:\{"effect":\s*)?"(EFFECT_\w+)"/.exec(text)?.[1];
}

/** The entries of a log, one a line; the last may be cut off. */
function keptIn(log: string): Kept[] {
  return log.split("\n").flatMap((line) => {
    const id = /"requestId":\s*"([^"]+)"/.exec(line)?.[1];
    const answer = effectIn(line);
    return id === undefined || answer === undefined ? [] : [{ kind: checked.name, id, answer }];
  });
}
