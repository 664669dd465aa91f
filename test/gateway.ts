// Starts the gateway apart from the service for tests: free ports, a spool in a folder of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../src/config.ts";
import { type GatewayServer, startGatewayServer } from "../src/gateway-server.ts";
import { createLogger } from "../src/telemetry/logger.ts";
import { testApp } from "./gatehouse.ts";

/** A running gateway and what tests do with it. */
export interface TestGateway extends AsyncDisposable {
  server: GatewayServer;
  folder: string;
  /** What was logged, a line each. */
  log: string[];
  /** Posts a webhook of app 1400000000. */
  post(command: string, body: unknown): Promise<{ status: number; answer: unknown }>;
  /** The same, with the answer as it came; a body that is text is sent as it is. */
  postForText(command: string, body: unknown): Promise<{ status: number; text: string }>;
  /** The value of a metric, such as `gatehouse_spool_waiting` or one with its labels; 0 when it is not there. */
  metric(name: string): Promise<number>;
  ready(): Promise<{ status: number; body: unknown }>;
}

/** Starts it; `env` overrides settings. With `folder`, goes on with what an earlier one left there. */
export async function startGateway({
  service,
  env = {},
  folder = mkdtempSync(join(tmpdir(), "gatehouse-gateway-")),
}: {
  service: string;
  env?: Record<string, string>;
  folder?: string;
}): Promise<TestGateway> {
  const settings = {
    GATEHOUSE_APPS: String(testApp),
    GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
    GATEHOUSE_API_LISTEN: "127.0.0.1:0",
    GATEHOUSE_SERVICE: service,
    GATEHOUSE_SPOOL: join(folder, "spool.db"),
    ...env,
  };
  const { config, problems } = readConfig(settings, "", "none");
  if (config === undefined) throw new Error(problems.join("\n"));
  const log: string[] = [];
  const server = await startGatewayServer(config, createLogger("debug", { write: (line) => void log.push(line) }));
  const apiUrl = `http://127.0.0.1:${server.api.port}`;
  async function postForText(command: string, body: unknown): Promise<{ status: number; text: string }> {
    const query = new URLSearchParams({ SdkAppid: String(testApp), CallbackCommand: command, contenttype: "json" });
    const url = `http://127.0.0.1:${server.webhook.port}/?${query}`;
    const response = await fetch(url, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  }
  return {
    server,
    folder,
    log,
    postForText,
    async post(command, body) {
      const { status, text } = await postForText(command, body);
      return { status, answer: JSON.parse(text) };
    },
    async metric(name) {
      const lines = (await (await fetch(`${apiUrl}/metrics`)).text()).split("\n");
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
    },
    async ready() {
      const response = await fetch(`${apiUrl}/readyz`);
      return { status: response.status, body: await response.json() };
    },
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
