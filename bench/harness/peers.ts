// The peers: what else a team would use. They are installed from their own folder and lock file, never into the product.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { parse } from "yaml";
import { entryCount, listEntries } from "./lists.ts";
import { benchPolicy, type PolicyForm } from "./policy-text.ts";
import { pinnedNode, root, type ServerProcess, startServer } from "./processes.ts";
import { benchApp, creationTemplate, type HttpRequest } from "./requests.ts";

const peersFolder = join(root, "bench/peers");
const cerbosBinary = join(peersFolder, "node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64");

/** Installs the peers when they are not there. Throws with npm's words when that fails. */
export function installPeers(): void {
  if (existsSync(join(peersFolder, "node_modules/.package-lock.json"))) return;
  const env = { ...process.env, PATH: `${dirname(pinnedNode())}${delimiter}${process.env.PATH}` };
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, stderr, error } = spawnSync("npm", args, { cwd: peersFolder, encoding: "utf8", env });
  if (status !== 0) throw new Error(`the peers cannot be installed: ${error?.message ?? stderr.trim().slice(-500)}`);
}

/** Starts the Fastify peer; its port is `webhook`. */
export async function startFastify(folder: string, entries: number): Promise<ServerProcess> {
  mkdirSync(folder, { recursive: true });
  return startServer({
    command: [pinnedNode(), "bench/peer-fastify.ts", join(folder, "fastify.db"), String(entries)],
    ready(output) {
      const port = /listening on (\d+)/.exec(output)?.[1];
      return port === undefined ? undefined : { webhook: Number(port) };
    },
  });
}

/** Where Cerbos can keep its decision log without anybody else: a file, or its own store. */
export type CerbosLog = "file" | "local";

/** The file of the decision log. */
export function cerbosLogFile(folder: string): string {
  return join(folder, "decisions.log");
}

/** Whom its admin API lets in, by its own defaults. */
export const cerbosAdmin = `Basic ${Buffer.from("cerbos:cerbosAdmin").toString("base64")}`;

/** Starts Cerbos with its decision log on; its ports are `http` and `grpc`. */
export async function startCerbos(folder: string, entries: number, log: CerbosLog = "file"): Promise<ServerProcess> {
  const policies = join(folder, "policies");
  mkdirSync(policies, { recursive: true });
  writeFileSync(join(policies, "official_account.json"), JSON.stringify(cerbosPolicy(benchPolicy())));
  const [http, grpc] = [await freePort(), await freePort()];
  const config = join(folder, "cerbos.json");
  writeFileSync(
    config,
    JSON.stringify({
      server: {
        httpListenAddr: `127.0.0.1:${http}`,
        grpcListenAddr: `127.0.0.1:${grpc}`,
        // Its own store is read by nothing else.
        ...(log === "local" && { adminAPI: { enabled: true } }),
      },
      engine: { globals: cerbosLists(entries) },
      audit: {
        enabled: true,
        accessLogsEnabled: false,
        decisionLogsEnabled: true,
        backend: log,
        ...(log === "file" ? { file: { path: cerbosLogFile(folder) } } : { local: { storagePath: join(folder, "decisions") } }),
      },
      storage: { driver: "disk", disk: { directory: policies, watchForChanges: false } },
      telemetry: { disabled: true },
    }),
  );
  return startServer({
    command: [cerbosBinary, "server", `--config=${config}`, "--log-level=error"],
    async ready() {
      const answer = await fetch(`http://127.0.0.1:${http}/_cerbos/health`).catch(() => undefined);
      return answer?.ok ? { http, grpc } : undefined;
    },
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** The lists as maps, in which CEL looks a key up without going through them. */
function cerbosLists(entries: number): Record<string, Record<string, boolean>> {
  return Object.fromEntries(
    Object.entries(listEntries).map(([list, entryAt]) => [
      list,
      Object.fromEntries(Array.from({ length: entryCount(list, entries) }, (_, i) => [entryAt(i), true])),
    ]),
  );
}

/** What Cerbos calls the actions. */
const cerbosActions: Readonly<Record<string, string>> = { create_account: "create", add_subscribers: "subscribe" };

/**
 * The same rules in Cerbos' words: what denies or refuses is a DENY, what flags an ALLOW that changes nothing. Cerbos keeps no state, so that
 * the caller says how many accounts an owner has; it knows no look-alikes, so that a protected name is compared in lower case.
 */
export function cerbosPolicy(text: string): object {
  const { rules } = parse(text) as PolicyForm;
  const asked = rules.map(({ id, on, when, then }) => ({
    name: id,
    actions: on.map((action) => cerbosActions[action] ?? action),
    effect: "flag" in then ? "EFFECT_ALLOW" : "EFFECT_DENY",
    roles: ["*"],
    condition: { match: { expr: cerbosExpression(when) } },
  }));
  const actions = [...new Set(asked.flatMap((rule) => rule.actions))];
  return {
    apiVersion: "api.cerbos.dev/v1",
    resourcePolicy: {
      resource: "official_account",
      version: "default",
      rules: [{ name: "default", actions, effect: "EFFECT_ALLOW", roles: ["*"] }, ...asked],
    },
  };
}

/** The fields of an action where they stand by themselves, and not in quotes or as part of a longer name. */
const fields = /(?<!["#@\w.])(operator|owner|name|platform|client_ip|app_id|account_id|subscribers)\b(?!["(])/g;

function cerbosExpression(when: string): string {
  const asked = when
    .replaceAll(/matchesList\(skeleton\((\w+)\), "(\w+)"\)/g, "$1.lowerAscii() in G.$2")
    .replaceAll(/inList\((\w+), "(\w+)"\)/g, "$1 in G.$2")
    .replaceAll(/liveAccounts\(\w+\)/g, "R.attr.live_accounts")
    .replaceAll(fields, "R.attr.$1");
  return /\bsubscriber\b/.test(asked) ? `R.attr.subscribers.exists(subscriber, ${asked})` : asked;
}

/** What a creation is to Cerbos; how many accounts the owner has, the caller would have to look up. */
const attributes = { platform: "RESTAPI", client_ip: "127.0.0.1", app_id: benchApp, live_accounts: 0 };

/** CheckResources over HTTP. */
export const cerbosHttp: HttpRequest = {
  path: "/api/check/resources",
  body: creationTemplate((creation) =>
    JSON.stringify({
      principal: { id: "gatehouse", roles: ["user"] },
      resources: [{ actions: ["create"], resource: { kind: "official_account", id: "new", attr: { ...attributes, ...creation } } }],
    }),
  ),
};

/** CheckResources over gRPC. The field numbers are those of cerbos.request.v1.CheckResourcesRequest and of cerbos.engine.v1. */
export const cerbosGrpc = {
  path: "/cerbos.svc.v1.CerbosService/CheckResources",
  message: creationTemplate((creation) => {
    const principal = new BinaryWriter().tag(1, 2).string("gatehouse").tag(3, 2).string("user");
    const resource = new BinaryWriter().tag(1, 2).string("official_account").tag(3, 2).string("new");
    for (const [key, value] of Object.entries({ ...attributes, ...creation })) {
      const entry = new BinaryWriter().tag(1, 2).string(key).tag(2, 2).fork();
      if (typeof value === "number") entry.tag(2, 1).double(value);
      else entry.tag(3, 2).string(value);
      resource.tag(4, 2).bytes(entry.join().finish());
    }
    const asked = new BinaryWriter().tag(1, 2).string("create").tag(2, 2).bytes(resource.finish());
    return new BinaryWriter().tag(3, 2).bytes(principal.finish()).tag(4, 2).bytes(asked.finish()).finish();
  }),
};

/** The map entry of the action in an answer, up to its value. */
const cerbosActionEntry = Buffer.from([0x0a, 6, ...Buffer.from("create"), 0x10]);

/** Whether an answer of Cerbos denies the creation; throws when it says neither. */
export function cerbosDenies(answer: Buffer): boolean {
  // In JSON the effect is spelled out after the action; in protobuf the two are a map entry, whose value is 1 for allow and 2 for deny.
  const text = answer.toString("latin1");
  const spelled = /"create"\s*:\s*"EFFECT_(ALLOW|DENY)"/.exec(text)?.[1];
  if (spelled !== undefined) return spelled === "DENY";
  const entry = answer.indexOf(cerbosActionEntry);
  const effect = entry === -1 ? 0 : answer[entry + cerbosActionEntry.length];
  if (effect !== 1 && effect !== 2) throw new Error(`Cerbos did not decide: ${text.slice(0, 300)}`);
  return effect === 2;
}
