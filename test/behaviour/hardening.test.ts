// What the listeners of the real service grant to anybody who connects, and what they never say.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";

type ListenerName = "webhook" | "api" | "grpc";

/** Sends bytes over a connection of its own; gives all that came back until the other side closed it. */
function exchange(gatehouse: TestGatehouse, listener: ListenerName, ...pieces: string[]): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(gatehouse.server[listener].port, "127.0.0.1", () => {
      for (const piece of pieces) socket.write(piece);
    });
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(answer));
  });
}

/** Text by which a stack trace, a driver or Node itself would give itself away. */
const internals = /\bat \S+:\d+|node:|\.ts\b|SQLITE|ERR_|HPE_|better-sqlite|llhttp|Error:/;

const post = (path: string, headers: string, body = "") => `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;
const webhookPath = "/?SdkAppid=1400000000&CallbackCommand=OfficialAccount.CallbackBeforeCreateOfficialAccount";
const json = "Content-Type: application/json\r\nConnection: close\r\n";

describe("what is no HTTP", () => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse();
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it.each<[string, ListenerName, string, RegExp]>([
    ["rubbish", "webhook", "rubbish\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["rubbish", "api", "rubbish\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["rubbish", "grpc", "rubbish\r\n\r\n", /^(?!HTTP)/],
    ["HTTP/1.1", "grpc", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /^(?!HTTP)/],
    ["the start of TLS", "webhook", "\x16\x03\x01\x02\x00\x01\x00", /^HTTP\/1\.1 400 /],
    ["two lengths", "webhook", post(webhookPath, "Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), /^HTTP\/1\.1 400 /],
    ["a length and chunks", "webhook", post(webhookPath, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}"), /^HTTP\/1\.1 400 /],
    ["a chunk that is none", "webhook", post(webhookPath, "Transfer-Encoding: chunked\r\n", "xyz\r\n"), /^HTTP\/1\.1 400 /],
    ["a header without a colon", "api", "GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["a request without Host", "api", "GET /healthz HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["an expectation", "webhook", post(webhookPath, "Expect: miracles\r\nContent-Length: 0\r\nConnection: close\r\n"), /^HTTP\/1\.1 417 /],
    ["an upgrade", "webhook", "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n", /^HTTP\/1\.1 405 /],
    ["a tunnel", "webhook", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", /^$/],
    ["a page that is not here", "api", "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 404 /],
    ["a broken message", "api", post("/gatehouse.v1.ModerationService/Decide", `${json}Content-Length: 1\r\n`, "{"), /^HTTP\/1\.1 400 /],
    [
      "a frame of a stream that breaks off",
      "api",
      post(
        "/gatehouse.v1.FeedService/WatchChanges",
        "Content-Type: application/connect+json\r\nConnection: close\r\nContent-Length: 3\r\n",
        "\0\0\0",
      ),
      /^HTTP\/1\.1 200 /,
    ],
    [
      "a compression that is none",
      "api",
      post("/gatehouse.v1.ModerationService/Decide", `${json}Content-Encoding: gzip\r\nContent-Length: 4\r\n`, "nope"),
      /^HTTP\/1\.1 [45]\d\d /,
    ],
  ])("%s on %s gets a short answer or none, and nothing of our insides", async (_name, listener, bytes, wanted) => {
    const answer = await exchange(gatehouse, listener, bytes);
    expect(answer).toMatch(wanted);
    expect(answer).not.toMatch(internals);
    expect(answer).not.toMatch(/^x-powered-by|^server:/im);
    expect(answer.length).toBeLessThan(2000);
  });

  it("leaves the service as it was", async () => {
    expect((await fetch(`${gatehouse.apiUrl}/readyz`)).status).toBe(200);
  });
});

describe("limits", () => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      env: {
        GATEHOUSE_WEBHOOK_REQUEST_TIMEOUT_MS: "300",
        GATEHOUSE_WEBHOOK_MAX_HEADER_BYTES: "8192",
        GATEHOUSE_API_MAX_HEADER_BYTES: "8192",
        GATEHOUSE_API_REQUEST_TIMEOUT_MS: "1000",
        GATEHOUSE_API_MAX_MESSAGE_BYTES: "65536",
        GATEHOUSE_WEBHOOK_KEEP_ALIVE_SECONDS: "1",
      },
    });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it.each<[string, ListenerName, string]>([
    ["headers that do not end", "webhook", "POST / HTTP/1.1\r\nHost: x\r\n"],
    ["a body that does not end", "webhook", post(webhookPath, "Content-Length: 100\r\n", '{"Callback')],
    ["headers that do not end", "api", "POST / HTTP/1.1\r\nHost: x\r\n"],
  ])("%s on %s get 408", async (_name, listener, bytes) => {
    expect(await exchange(gatehouse, listener, bytes)).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  });

  it("a call whose body does not end is cut off", async () => {
    const call = post("/gatehouse.v1.ModerationService/Decide", "Content-Type: application/json\r\nContent-Length: 100\r\n", "{");
    expect(await exchange(gatehouse, "api", call)).not.toMatch(/^HTTP\/1\.1 200/);
  });

  it.each<ListenerName>(["webhook", "api"])("headers of more than they may have get 431 on %s", async (listener) => {
    const header = (bytes: number) => `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ${"x".repeat(bytes)}\r\n\r\n`;
    expect(await exchange(gatehouse, listener, header(7000))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(gatehouse, listener, header(9000))).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("a message of more than it may have is refused", async () => {
    const response = await fetch(`${gatehouse.apiUrl}/gatehouse.v1.ModerationService/Decide`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ requestId: "x".repeat(70_000) }),
    });
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });

  it("an idle connection is closed after its time", async () => {
    expect(await exchange(gatehouse, "webhook", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("the cap on connections", () => {
  it.each<ListenerName>(["webhook", "api", "grpc"])("of %s holds, and those beyond it are counted", async (listener) => {
    await using gatehouse = await startGatehouse({ env: { [`GATEHOUSE_${listener.toUpperCase()}_MAX_CONNECTIONS`]: "1" } });
    const held = connect(gatehouse.server[listener].port, "127.0.0.1");
    await new Promise((resolve) => held.once("connect", resolve));
    expect(await exchange(gatehouse, listener)).toBe("");
    expect(gatehouse.log.filter((line) => line.includes('"reason":"limit"'))).toHaveLength(1);
    held.destroy();
    await new Promise((resolve) => held.once("close", resolve));
    if (listener === "api") return;
    const metrics = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
    expect(metrics).toContain(`gatehouse_connections_refused_total{listener="${listener}",reason="limit"} 1`);
    expect(metrics).toMatch(new RegExp(`gatehouse_connections\\{listener="${listener}"\\} [01]`));
  });
});

describe("answers of the api listener", () => {
  let gatehouse: TestGatehouse;
  const decide = "/gatehouse.v1.ModerationService/Decide";
  const call = (headers: Record<string, string>, path = decide) =>
    fetch(gatehouse.apiUrl + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ appId: 1400000000, createAccount: { name: "x", operator: "a", owner: "a" } }),
    });
  beforeAll(async () => {
    gatehouse = await startGatehouse({ env: { GATEHOUSE_API_CORS_ORIGINS: "https://console.example.com" } });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it.each(["/healthz", "/readyz", "/metrics", "/nothing", decide])(
    "carry the headers that keep browsers out of trouble: %s",
    async (path) => {
      const { headers } = path === decide ? await call({}) : await fetch(gatehouse.apiUrl + path);
      expect(Object.fromEntries(headers)).toMatchObject({
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      });
    },
  );

  it("let a configured origin in, by preflight and call", async () => {
    const origin = "https://console.example.com";
    const preflight = await fetch(gatehouse.apiUrl + decide, {
      method: "OPTIONS",
      headers: { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/Content-Type.*X-Grpc-Web.*Authorization/i);
    const answered = await call({ Origin: origin });
    expect(answered.status).toBe(200);
    expect(answered.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answered.headers.get("access-control-expose-headers")).toMatch(/grpc-status/i);
    expect(answered.headers.get("vary")).toBe("Origin");
    expect(answered.headers.get("access-control-allow-credentials")).toBeNull();
  });

  it.each([
    ["another site", "https://evil.example"],
    ["a name that begins like it", "https://console.example.com.evil.example"],
    ["another scheme", "http://console.example.com"],
    ["another port of this machine", "http://127.0.0.1:1"],
    ["a page without an origin", "null"],
  ])("keep %s out", async (_name, origin) => {
    for (const path of [decide, "/healthz"]) {
      const answered = await call({ Origin: origin }, path);
      expect(answered.status).toBe(403);
      expect(answered.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("let pages of the listener itself in, but not under a name that only resolves to it", async () => {
    expect((await call({ Origin: gatehouse.apiUrl })).status).toBe(200);
    const { port } = gatehouse.server.api;
    const call2 = (host: string) =>
      exchange(gatehouse, "api", `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nConnection: close\r\n\r\n`);
    expect(await call2(`LOCALHOST:${port}`.toLowerCase())).toMatch(/^HTTP\/1\.1 200 /);
    expect(await call2(`rebound.example:${port}`)).toMatch(/^HTTP\/1\.1 403 /);
  });
});
