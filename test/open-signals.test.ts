// Signals as the settings open them: TLS to classifiers, and files that cannot be used.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { SignalService } from "../gen/gatehouse/v1/signal_service_pb.ts";
import { openSignals } from "../src/open-signals.ts";
import { readSignals } from "../src/signal-settings.ts";
import { createCa } from "./certificates.ts";

let folder = "";
const ca = createCa("test CA");
const { certPem: cert, keyPem: key } = ca.issue("classifier");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-signals-"));
  writeFileSync(join(folder, "ca.pem"), ca.certPem);
  writeFileSync(join(folder, "other.pem"), createCa("other CA").certPem);
  writeFileSync(join(folder, "broken.pem"), "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(signal: object) {
  const signals = openSignals(readSignals({ a: { on_failure: 0.5, timeout_ms: 10_000, ...signal } }), {
    onCalled() {},
    onAsked() {},
    now: Date.now,
  });
  onTestFinished(signals.close);
  return () => signals.ask("live", "a", "text", Number.POSITIVE_INFINITY);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const answered = { value: 0.25, failure: "" };
const down = { value: 0.5, failure: "down" };

describe("a classifier with a certificate of its own authority", () => {
  it("is known over HTTPS by ca_file, and by that alone", async () => {
    const port = await listen(createServer({ cert, key }, (_req, res) => void res.setHeader("Connection", "close").end('{"value":0.25}')));
    const url = `https://127.0.0.1:${port}/`;
    expect(await open({ url, ca_file: join(folder, "ca.pem") })()).toEqual(answered);
    expect(await open({ url, ca_file: join(folder, "other.pem") })()).toEqual(down);
    expect(await open({ url })()).toEqual(down);
  });

  it("is known over gRPC by ca_file, which turns TLS on", async () => {
    const routes = connectNodeAdapter({ routes: ({ service }) => void service(SignalService, { evaluate: () => ({ value: 0.25 }) }) });
    const port = await listen(createSecureServer({ cert, key }, routes));
    // grpc-js wants a name in TLS, and no address.
    const grpc = `localhost:${port}`;
    expect(await open({ grpc, ca_file: join(folder, "ca.pem") })()).toEqual(answered);
    for (const more of [{ ca_file: join(folder, "other.pem") }, { ca_file: "system" }, {}]) {
      expect(await open({ grpc, ...more })()).toEqual(down);
    }
  });
});

it.each([
  ["no-such.pem", /^signals: a: the ca_file .*no-such\.pem cannot be used: ENOENT/],
  ["broken.pem", /^signals: a: the ca_file .*broken\.pem cannot be used: .*It must be certificates in PEM\.$/s],
])("a ca_file that cannot be used is told of: %s", (file, message) => {
  expect(() => open({ grpc: "127.0.0.1:1", ca_file: join(folder, file) })).toThrow(message);
});
