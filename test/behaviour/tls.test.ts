// TLS on every listener of the real service, with stock clients: certificates, renewal without a restart, mutual TLS.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { createCa, writePair } from "../certificates.ts";
import { gatehouse as runCli } from "../cli/harness.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { until } from "../rpc/doors.ts";

const ca = createCa("the servers' CA");
const clientCa = createCa("the clients' CA");
const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const listeners = ["webhook", "api", "grpc"] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-tls-"));
  writeFileSync(join(folder, "ca.crt"), ca.certPem);
  writeFileSync(join(folder, "client-ca.crt"), clientCa.certPem);
});
afterAll(() => rmSync(folder, { recursive: true }));

function tlsEnv(files: { certFile: string; keyFile: string }): Record<string, string> {
  return Object.fromEntries(
    listeners.flatMap((name) => [
      [`GATEHOUSE_${name.toUpperCase()}_TLS_CERT_FILE`, files.certFile],
      [`GATEHOUSE_${name.toUpperCase()}_TLS_KEY_FILE`, files.keyFile],
    ]),
  );
}

/** One request over a connection of its own. */
async function get(port: number, path: string, options: object = {}): Promise<{ status: number | undefined; text: string }> {
  const sent = request({ host: "127.0.0.1", port, path, ca: ca.certPem, agent: false, ...options }).end();
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve);
    sent.once("error", reject);
  });
  return { status: response.statusCode, text: await textOf(response) };
}

/** The name in the certificate that a new connection gets. */
function nameShown(port: number, alpn: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, ca: ca.certPem, ALPNProtocols: [alpn] }, () => {
      const certificate: PeerCertificate = socket.getPeerCertificate();
      resolve(String(certificate.subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const metricsOf = async (gatehouse: TestGatehouse) => (await get(gatehouse.server.api.port, "/metrics")).text;
const listAccounts = { appId: 1400000000 };

describe("with TLS on every listener", () => {
  let gatehouse: TestGatehouse;
  let files: { certFile: string; keyFile: string };
  beforeAll(async () => {
    files = writePair(folder, ca.issue("first"));
    gatehouse = await startGatehouse({ env: tlsEnv(files) });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it("webhooks are answered, and nothing is served in plain text", async () => {
    const path = `/?SdkAppid=1400000000&CallbackCommand=${beforeCreate}`;
    const { status, text } = await get(gatehouse.server.webhook.port, path, { method: "POST" });
    expect([status, JSON.parse(text)]).toEqual([200, { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 }]);
    await expect(fetch(`http://127.0.0.1:${gatehouse.server.webhook.port}/healthz`)).rejects.toThrow();
  });

  it("calls are answered over Connect and by both kinds of gRPC client", async () => {
    const nodeOptions = { ca: ca.certPem };
    const apiUrl = `https://127.0.0.1:${gatehouse.server.api.port}`;
    const grpcUrl = `https://localhost:${gatehouse.server.grpc.port}`;
    const connect = createConnectTransport({ baseUrl: apiUrl, httpVersion: "1.1", nodeOptions });
    expect((await createClient(AccountService, connect).listAccounts(listAccounts)).accounts).toEqual([]);
    const grpc = createGrpcTransport({ baseUrl: grpcUrl, nodeOptions });
    expect((await createClient(AccountService, grpc).listAccounts(listAccounts)).accounts).toEqual([]);
    const grpcJs = new Client(`localhost:${gatehouse.server.grpc.port}`, credentials.createSsl(Buffer.from(ca.certPem)));
    await new Promise<void>((resolve, reject) => {
      grpcJs.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve()));
    });
    grpcJs.close();
  });

  it("a client of HTTP/1.1 gets nothing from the grpc listener", async () => {
    await expect(nameShown(gatehouse.server.grpc.port, "http/1.1")).rejects.toThrow();
    await expect(get(gatehouse.server.grpc.port, "/", { ALPNProtocols: undefined })).rejects.toThrow();
  });

  it("the command line trusts the CA that GATEHOUSE_CA_FILE names, and says what to do without", async () => {
    const server = `https://127.0.0.1:${gatehouse.server.api.port}`;
    const env = { GATEHOUSE_SERVER: server, GATEHOUSE_CA_FILE: join(folder, "ca.crt"), GATEHOUSE_APP: "1400000000" };
    expect(await runCli(["accounts", "list"], env)).toMatchObject({ code: 0 });
    const untrusting = await runCli(["accounts", "list"], { ...env, GATEHOUSE_CA_FILE: "" });
    expect(untrusting).toMatchObject({ code: 1, stderr: expect.stringContaining("name the CA that signed it with GATEHOUSE_CA_FILE") });
    const url = `https://127.0.0.1:${gatehouse.server.webhook.port}`;
    expect(await runCli(["send", "before-create", "--url", url], env)).toMatchObject({ code: 0, stderr: "" });
    const send = await runCli(["send", "before-create", "--url", url]);
    expect(send).toMatchObject({ code: 1, stderr: expect.stringContaining("GATEHOUSE_CA_FILE") });
    expect(await runCli(["accounts", "list"], { ...env, GATEHOUSE_CA_FILE: "/no/such" })).toMatchObject({
      code: 1,
      stderr: "gatehouse: GATEHOUSE_CA_FILE: /no/such cannot be read: ENOENT.\n",
    });
    expect(await runCli(["accounts", "list"], { ...env, GATEHOUSE_KEY_FILE: "x" })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("go together"),
    });
  });

  it("new certificates are shown without a restart, and bad ones never", async () => {
    const shown = () => Promise.all(listeners.map((name) => nameShown(gatehouse.server[name].port, name === "grpc" ? "h2" : "http/1.1")));
    expect(await shown()).toEqual(["first", "first", "first"]);
    writePair(folder, ca.issue("second"));
    await until(() => gatehouse.log.filter((line) => line.includes("get the new certificate")).length === 3);
    expect(await shown()).toEqual(["second", "second", "second"]);
    writeFileSync(files.certFile, "rubbish");
    await until(() => gatehouse.log.filter((line) => line.includes("the TLS files are refused")).length === 3);
    expect(await shown()).toEqual(["second", "second", "second"]);
    const metrics = await metricsOf(gatehouse);
    for (const name of listeners) {
      expect(metrics).toContain(`gatehouse_tls_loads_total{listener="${name}",result="read"} 2`);
      expect(metrics).toContain(`gatehouse_tls_loads_total{listener="${name}",result="refused"} 1`);
      expect(metrics).toMatch(new RegExp(`gatehouse_tls_certificate_expiry_timestamp_seconds\\{listener="${name}"\\} \\d{10}`));
    }
  });
});

describe("mutual TLS", () => {
  let gatehouse: TestGatehouse;
  const client = clientCa.issue("a client");
  const stranger = createCa("another CA").issue("a stranger");
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      env: {
        ...tlsEnv(writePair(folder, ca.issue("server"), "mutual")),
        GATEHOUSE_API_TLS_CLIENT_CA_FILE: join(folder, "client-ca.crt"),
        GATEHOUSE_GRPC_TLS_CLIENT_CA_FILE: join(folder, "client-ca.crt"),
      },
    });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  const transports = {
    api: (more: object) =>
      createConnectTransport({
        baseUrl: `https://127.0.0.1:${gatehouse.server.api.port}`,
        httpVersion: "1.1",
        nodeOptions: { ca: ca.certPem, ...more },
      }),
    grpc: (more: object) =>
      createGrpcTransport({ baseUrl: `https://127.0.0.1:${gatehouse.server.grpc.port}`, nodeOptions: { ca: ca.certPem, ...more } }),
  };

  it.each(["api", "grpc"] as const)("lets only clients of the CA in: %s", async (name) => {
    const list = (more: object) => createClient(AccountService, transports[name](more)).listAccounts(listAccounts);
    expect((await list({ cert: client.certPem, key: client.keyPem })).accounts).toEqual([]);
    await expect(list({})).rejects.toThrow();
    await expect(list({ cert: stranger.certPem, key: stranger.keyPem })).rejects.toThrow();
  });

  it("counts those that it did not let in", async () => {
    await expect(get(gatehouse.server.api.port, "/healthz")).rejects.toThrow();
    const { text } = await get(gatehouse.server.api.port, "/metrics", { cert: client.certPem, key: client.keyPem });
    expect(Number(/gatehouse_connections_refused_total\{listener="api",reason="tls"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  });

  it("is spoken by the command line", async () => {
    const env = {
      GATEHOUSE_SERVER: `https://127.0.0.1:${gatehouse.server.api.port}`,
      GATEHOUSE_CA_FILE: join(folder, "ca.crt"),
      GATEHOUSE_APP: "1400000000",
    };
    const { certFile, keyFile } = writePair(folder, client, "client");
    expect(await runCli(["accounts", "list"], { ...env, GATEHOUSE_CERT_FILE: certFile, GATEHOUSE_KEY_FILE: keyFile })).toMatchObject({
      code: 0,
    });
    expect(await runCli(["accounts", "list"], env)).toMatchObject({ code: 1 });
  });
});

describe("at start", () => {
  it("all that is wrong with the files is said at once, and nothing is served", async () => {
    const env = tlsEnv({ certFile: "/no/such.crt", keyFile: "/no/such.key" });
    await expect(startGatehouse({ env })).rejects.toThrow(
      listeners.map((name) => `${name}.tls: /no/such.crt cannot be read: ENOENT.`).join("\n"),
    );
  });

  it("a certificate that has ended is served, because it may be all there is, and said loudly", async () => {
    const files = writePair(folder, ca.issue("ended", { daysLeft: -1 }), "ended");
    await using gatehouse = await startGatehouse({ env: tlsEnv(files) });
    expect(gatehouse.log.filter((line) => line.includes("the certificate has ended"))).toHaveLength(3);
  });
});
