// Starts the real service for tests: free ports, a database in a folder of its own, a policy from a text.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../src/config.ts";
import { type GatehouseServer, startServer } from "../src/server.ts";
import { createLogger } from "../src/telemetry/logger.ts";
import { databaseOf, giveBackDatabaseOf } from "./test-database.ts";

/** What else a webhook has in its URL. */
interface PostOptions {
  query?: Record<string, string>;
  path?: string;
}

/** A running service and what tests do with it. */
export interface TestGatehouse extends AsyncDisposable {
  server: GatehouseServer;
  folder: string;
  /** What was logged, a line each. */
  log: string[];
  webhookUrl: string;
  apiUrl: string;
  /** Posts a webhook of app 1400000000; `body` is sent as JSON unless it is text. */
  post(command: string, body: unknown, options?: PostOptions): Promise<{ status: number; answer: unknown }>;
  /** The same, with the answer as it came. */
  postForText(command: string, body: unknown, options?: PostOptions): Promise<{ status: number; text: string }>;
  /** Rewrites the policy file. */
  writePolicy(text: string): void;
}

export const testApp = 1400000000;

/** Starts it; `env` overrides settings. With `folder`, goes on with what an earlier one left there. */
export async function startGatehouse({
  policy,
  env = {},
  locale,
  apps = locale === undefined ? undefined : [{ id: testApp, locale }],
  forward,
  signals,
  folder = mkdtempSync(join(tmpdir(), "gatehouse-")),
  now = Date.now,
}: {
  policy?: string;
  env?: Record<string, string>;
  /** The app's locale, which only the file can set. */
  locale?: string;
  /** Apps with what only the file can set. Default: one, `testApp`. */
  apps?: object[] | undefined;
  /** Forwards with what only the file can set. */
  forward?: object[];
  /** Signals, by name. */
  signals?: Record<string, object>;
  folder?: string;
  now?: () => number;
} = {}): Promise<TestGatehouse> {
  const policyFile = policy === undefined ? "config/policy.yaml" : join(folder, "policy.yaml");
  if (policy !== undefined) writeFileSync(policyFile, policy);
  const settings = {
    ...(apps === undefined ? { GATEHOUSE_APPS: String(testApp) } : {}),
    GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
    GATEHOUSE_API_LISTEN: "127.0.0.1:0",
    GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
    GATEHOUSE_DATABASE: await databaseOf(folder),
    GATEHOUSE_POLICY: policyFile,
    ...env,
  };
  const file = {
    ...(apps !== undefined && { apps }),
    ...(forward !== undefined && { forward }),
    ...(signals !== undefined && { signals }),
  };
  const { config, problems } = readConfig(settings, JSON.stringify(file), "none");
  if (config === undefined) throw new Error(problems.join("\n"));
  const log: string[] = [];
  const server = await startServer(config, createLogger("debug", { write: (line) => void log.push(line) }), now);
  const webhookUrl = `http://127.0.0.1:${server.webhook.port}`;
  const postForText: TestGatehouse["postForText"] = async (command, body, { query = {}, path = "/" } = {}) => {
    const parameters = new URLSearchParams({ SdkAppid: String(testApp), CallbackCommand: command, contenttype: "json", ...query });
    const response = await fetch(`${webhookUrl}${path}?${parameters}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  };
  return {
    server,
    folder,
    log,
    webhookUrl,
    apiUrl: `http://127.0.0.1:${server.api.port}`,
    async post(command, body, options) {
      const { status, text } = await postForText(command, body, options);
      return { status, answer: JSON.parse(text) };
    },
    postForText,
    writePolicy: (text) => writeFileSync(policyFile, text),
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      await giveBackDatabaseOf(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
