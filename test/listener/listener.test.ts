// A listener: its cap, its count of connections, and its end.
import { connect, createServer, type Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { drainHttp, type Listener, type ListenerSpec, openListener } from "../../src/listener/listener.ts";
import { createHttp2SocketServer, createHttpServer } from "../../src/listener/servers.ts";
import { createCa } from "../certificates.ts";
import { until } from "../rpc/doors.ts";

const limits = { maxConnections: 10, maxHeaderBytes: 4096, requestTimeoutMs: 5000, keepAliveMs: 5000 };
const pair = createCa("a CA").issue("server");
const tls = { cert: Buffer.from(pair.certPem), key: Buffer.from(pair.keyPem), ca: undefined, expiresAtMs: 0 };

async function open(server: Server, more: Partial<ListenerSpec> = {}): Promise<Listener & { refused: string[] }> {
  const refused: string[] = [];
  const listener = await openListener(server, {
    name: "webhook",
    address: { host: "127.0.0.1", port: 0 },
    maxConnections: 2,
    tls: undefined,
    drain: async () => undefined,
    onRefused: (why) => refused.push(why),
    onTlsRead: () => undefined,
    now: Date.now,
    ...more,
  });
  onTestFinished(() => listener.close(0));
  return Object.assign(listener, { refused });
}

/** Connects, and tells when the other side has closed. */
function dial({ address }: Listener): { socket: Socket; isClosed: () => boolean } {
  let closed = false;
  const socket = connect(address.port, address.host);
  socket
    .on("error", () => undefined)
    .once("close", () => {
      closed = true;
    });
  socket.resume();
  return { socket, isClosed: () => closed };
}

describe("a listener", () => {
  it("closes connections beyond its cap at once, says so, and takes new ones when there is room", async () => {
    const listener = await open(createServer());
    const [first, second] = [dial(listener), dial(listener)];
    await until(() => listener.connectionCount() === 2);
    const third = dial(listener);
    await until(third.isClosed);
    expect(listener.refused).toEqual(["limit"]);
    expect([first.isClosed(), second.isClosed()]).toEqual([false, false]);
    first.socket.destroy();
    await until(() => listener.connectionCount() === 1);
    dial(listener);
    await until(() => listener.connectionCount() === 2);
  });

  it("with TLS counts connections before and after their handshake, and says when one fails", async () => {
    const listener = await open(createHttp2SocketServer(tls, () => undefined));
    const { socket } = dial(listener);
    await until(() => listener.connectionCount() === 1);
    socket.write("this is no handshake");
    await until(() => listener.connectionCount() === 0);
    expect(listener.refused).toEqual(["tls"]);
  });

  it.each([
    ["in plain text", undefined],
    ["with TLS", tls],
  ])("%s cuts whoever is left when it is closed, once", async (_name, material) => {
    const server = createHttpServer(limits, material, () => undefined);
    const listener = await open(server, { drain: drainHttp(server) });
    const silent = dial(listener);
    const halfway = dial(listener);
    halfway.socket.write("POST / HTTP/1.1\r\n");
    await until(() => listener.connectionCount() === 2);
    await Promise.all([listener.close(10), listener.close(10)]);
    await until(() => silent.isClosed() && halfway.isClosed());
    expect(listener.connectionCount()).toBe(0);
  });

  it("says which setting to change when the port is taken", async () => {
    const { address } = await open(createServer());
    await expect(open(createServer(), { address })).rejects.toThrow(
      `webhook.listen: cannot listen on 127.0.0.1:${address.port}: the port is taken; stop what uses it or choose another.`,
    );
  });
});
