// Webhooks that are passed on: forwarded to another backend as if nothing stood between, and copied to taps.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createBackend } from "../../src/webhook/backend.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";

const groupBefore = "Group.CallbackBeforeCreateGroup";
const groupAfter = "Group.CallbackAfterCreateGroup";
const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };

interface Seen {
  method: string;
  target: string;
  headers: string[];
  body: Buffer;
}

const ending: (() => PromiseLike<void> | void)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A backend that notes what it gets and answers as it is told. */
async function startBackend(answer: (res: ServerResponse, seen: Seen) => void = (res) => void res.end("{}")) {
  const seen: Seen[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const one = { method: req.method ?? "", target: req.url ?? "", headers: req.rawHeaders, body: Buffer.concat(chunks) };
      seen.push(one);
      answer(res, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  ending.push(close);
  return { seen, port: (server.address() as AddressInfo).port, close };
}

async function gatehouseWith(env: Record<string, string>): Promise<TestGatehouse> {
  const gatehouse = await startGatehouse({ env });
  ending.push(() => gatehouse[Symbol.asyncDispose]());
  return gatehouse;
}

/** Sends bytes and reads the whole answer, as Chat would. */
function send(port: number, target: string, body: Buffer, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>((resolve, reject) => {
    const req = request({ port, host: "127.0.0.1", path: target, method: "POST", headers }, (res: IncomingMessage) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

const targetOf = (command: string) =>
  `/hook?ClientIP=1.2.3.4&CallbackCommand=${command}&OptPlatform=Web%20x&SdkAppid=1400000000&odd=%E4%BD&odd=+&contenttype=json`;

async function metric(gatehouse: TestGatehouse, line: string): Promise<number> {
  const lines = (await (await fetch(`${gatehouse.apiUrl}/metrics`)).text()).split("\n");
  return Number(lines.find((one) => one.startsWith(line))?.slice(line.length) ?? 0);
}

describe("a forwarded webhook", () => {
  const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x0a, 0x7d]);

  it.each([200, 201, 404, 500])("reaches the backend, and %i comes back, as if nothing stood between", async (status) => {
    const backend = await startBackend((res) => {
      res.writeHead(status, { "Content-Type": "application/json", "X-Own": "1", "Set-Cookie": ["a=1", "b=2"] });
      res.end(Buffer.from([0xc3, 0x28, 0x00, 0x31]));
    });
    const gatehouse = await gatehouseWith({ GATEHOUSE_FORWARD: `Group.*=http://127.0.0.1:${backend.port}/hook` });
    const headers = { "Content-Type": "application/json", "X-Request": "y" };
    const direct = await send(backend.port, targetOf(groupBefore), bytes, headers);
    const forwarded = await send(gatehouse.server.webhook.port, targetOf(groupBefore), bytes, headers);

    expect(forwarded.status).toBe(direct.status);
    expect(forwarded.body).toEqual(direct.body);
    for (const name of ["content-type", "content-length", "x-own", "set-cookie"])
      expect(forwarded.headers[name], name).toEqual(direct.headers[name] ?? String(direct.body.length));
    const [first, second] = backend.seen;
    expect(second?.target).toBe(first?.target);
    expect(second?.body).toEqual(bytes);
    expect(second?.headers.slice(0, 4)).toEqual(first?.headers.slice(0, 4));
    expect(second?.headers.join("\n")).toContain("X-Forwarded-For\n127.0.0.1");
    expect(await metric(gatehouse, 'gatehouse_passed_on_total{route="forward Group.*",outcome="answered"} ')).toBe(1);
  });

  it("gets the backend's own parameters before Chat's", async () => {
    const backend = await startBackend();
    const gatehouse = await gatehouseWith({ GATEHOUSE_FORWARD: `Group.*=http://127.0.0.1:${backend.port}/a/b?token=x` });
    await send(gatehouse.server.webhook.port, targetOf(groupBefore), bytes);
    expect(backend.seen[0]?.target).toBe(`/a/b?token=x&${targetOf(groupBefore).slice("/hook?".length)}`);
  });

  it("is one that Gatehouse does not handle, verified like every other", async () => {
    const backend = await startBackend();
    const gatehouse = await gatehouseWith({
      GATEHOUSE_APPS: "1400000000=token",
      GATEHOUSE_FORWARD: `*=http://127.0.0.1:${backend.port}/`,
    });
    expect((await send(gatehouse.server.webhook.port, targetOf(groupBefore), bytes)).status).toBe(401);
    expect(backend.seen).toEqual([]);
    const open = await gatehouseWith({ GATEHOUSE_FORWARD: `*=http://127.0.0.1:${backend.port}/` });
    expect((await open.post(beforeCreate, { Operator_Account: "a", Owner_Account: "a", Name: "n" })).answer).toEqual(ok);
    expect(backend.seen).toEqual([]);
    await open.post("State.StateChange", {});
    expect(backend.seen).toHaveLength(1);
  });

  it.each([
    { command: groupBefore, fallback: "allow", answer: ok },
    { command: groupBefore, fallback: "deny", answer: { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 1 } },
    { command: groupAfter, fallback: "deny", answer: { ActionStatus: "FAIL" } },
  ])("$command gets a valid answer when the backend is down and the fallback is $fallback", async ({ command, fallback, answer }) => {
    const backend = await startBackend();
    await backend.close();
    const gatehouse = await startGatehouse({ forward: [{ commands: "Group.*", url: `http://127.0.0.1:${backend.port}/`, fallback }] });
    ending.push(() => gatehouse[Symbol.asyncDispose]());
    const reply = await gatehouse.post(command, {});
    expect(reply.status).toBe(200);
    expect(reply.answer).toMatchObject(answer);
  });

  it("gets the fallback when the backend is slow, in the route's own time", async () => {
    const backend = await startBackend(() => undefined);
    const gatehouse = await startGatehouse({ forward: [{ commands: "*", url: `http://127.0.0.1:${backend.port}/`, timeout_ms: 50 }] });
    ending.push(() => gatehouse[Symbol.asyncDispose]());
    expect(await gatehouse.post(groupBefore, {})).toEqual({ status: 200, answer: ok });
    expect(await metric(gatehouse, 'gatehouse_passed_on_total{route="forward *",outcome="timeout"} ')).toBe(1);
    expect(gatehouse.log.join("\n")).toContain("a webhook could not be passed on");
  });

  it.each([
    ["no HTTP", "hello\r\n\r\n", "rubbish"],
    ["an answer that breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "down"],
    ["an answer without end", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(2 * 1024 * 1024)}`, "rubbish"],
  ])("gets the fallback when the backend answers %s", async (_what, text, outcome) => {
    const server = createSocketServer((socket: Socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ending.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const gatehouse = await gatehouseWith({ GATEHOUSE_FORWARD: `*=http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    expect(await gatehouse.post(groupBefore, {})).toEqual({ status: 200, answer: ok });
    expect(await metric(gatehouse, `gatehouse_passed_on_total{route="forward *",outcome="${outcome}"} `)).toBe(1);
  });

  it("gets the fallback at once when too many wait for the backend", async () => {
    const held: ServerResponse[] = [];
    const backend = await startBackend((res) => void held.push(res));
    const gatehouse = await startGatehouse({
      forward: [{ commands: "*", url: `http://127.0.0.1:${backend.port}/`, max_connections: 1, max_queue: 1 }],
    });
    ending.push(() => gatehouse[Symbol.asyncDispose]());
    const waiting = [gatehouse.post(groupBefore, { n: 1 }), gatehouse.post(groupBefore, { n: 2 })];
    await vi.waitFor(() => expect(held).toHaveLength(1));
    await vi.waitFor(async () => {
      expect(await gatehouse.post(groupBefore, { n: 3 })).toEqual({ status: 200, answer: ok });
      expect(await metric(gatehouse, 'gatehouse_passed_on_total{route="forward *",outcome="busy"} ')).toBeGreaterThan(0);
    });
    held[0]?.end('{"first":1}');
    await vi.waitFor(() => expect(held).toHaveLength(2));
    held[1]?.end('{"second":2}');
    expect((await Promise.all(waiting)).map(({ answer }) => answer)).toEqual([{ first: 1 }, { second: 2 }]);
  });

  it("leaves a dead backend alone for a while, and finds it again", async () => {
    const backend = await startBackend();
    let nowMs = 0;
    const options = { url: new URL(`http://127.0.0.1:${backend.port}/`), timeoutMs: 1000, maxConnections: 2, maxQueue: 2 };
    const sender = createBackend(options, () => nowMs);
    ending.push(() => sender.close());
    const webhook = { target: "/?a=1", rawHeaders: [], body: Buffer.from("{}"), peer: "::1" };
    const outcome = async () => {
      const answer = await sender.send(webhook);
      return answer.kind === "answered" ? answer.kind : answer.cause;
    };
    expect(await outcome()).toBe("answered");
    await backend.close();
    for (let i = 0; i < 5; i += 1) expect(await outcome()).toBe("down");
    expect(await outcome()).toBe("resting");
    nowMs += 5_000;
    expect([await outcome(), await outcome()]).toEqual(["down", "resting"]);

    const revived = createServer((_req, res) => void res.end("{}"));
    await new Promise<void>((resolve) => revived.listen(backend.port, "127.0.0.1", resolve));
    ending.push(() => new Promise<void>((resolve) => revived.close(() => resolve())));
    expect(await outcome()).toBe("resting");
    nowMs += 5_000;
    expect([await outcome(), await outcome()]).toEqual(["answered", "answered"]);
  });
});

describe("a tapped webhook", () => {
  it("is answered as without a tap, and its copy is what Chat sent, byte for byte", async () => {
    const backend = await startBackend((res) => void res.writeHead(500).end("no"));
    const gatehouse = await gatehouseWith({ GATEHOUSE_TAP: `OfficialAccount.*=http://127.0.0.1:${backend.port}/copy` });
    const body = Buffer.from('{ "Operator_Account":"a", "Owner_Account":"a", "Name":"\\u4f60 😀" }');
    const answer = await send(gatehouse.server.webhook.port, targetOf(beforeCreate), body);
    expect(JSON.parse(answer.body.toString())).toEqual(ok);
    await vi.waitFor(() => expect(backend.seen).toHaveLength(1));
    expect(backend.seen[0]?.body).toEqual(body);
    expect(backend.seen[0]?.target).toBe(targetOf(beforeCreate).replace("/hook", "/copy"));
  });

  it("is answered as without a tap when the backend is dead", async () => {
    const backend = await startBackend();
    await backend.close();
    const gatehouse = await gatehouseWith({ GATEHOUSE_TAP: `*=http://127.0.0.1:${backend.port}/` });
    for (let i = 0; i < 20; i += 1) {
      expect((await gatehouse.post(beforeCreate, { Operator_Account: "a", Owner_Account: `o${i}`, Name: `n${i}` })).answer).toEqual(ok);
    }
    await vi.waitFor(async () =>
      expect(await metric(gatehouse, 'gatehouse_passed_on_total{route="tap *",outcome="resting"} ')).toBeGreaterThan(0),
    );
  });
});
