// Classifiers for tests: real servers that note what they are asked and answer as they are told.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { SignalService } from "../gen/gatehouse/v1/signal_service_pb.ts";

/** What one was asked. */
interface Asked {
  signal: string;
  text: string;
  authorization: string | undefined;
}

/** A running classifier. */
export interface TestClassifier extends AsyncDisposable {
  port: number;
  /** What it was asked, in order. */
  asked: Asked[];
}

/** One over HTTP. `answer` gives the value, or answers by itself. */
export async function startClassifier(
  answer: (asked: Asked, res: ServerResponse) => unknown,
  port = 0,
): Promise<TestClassifier & { headers: IncomingHttpHeaders[] }> {
  const asked: Asked[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const { signal, text } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Asked;
      const one = { signal, text, authorization: req.headers.authorization };
      asked.push(one);
      headers.push(req.headers);
      const value = answer(one, res);
      if (value !== undefined) res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ value }));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    headers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}

/** One over gRPC. `answer` gives the value, or throws. */
export async function startGrpcClassifier(answer: (asked: Asked) => number | Promise<number>): Promise<TestClassifier> {
  const asked: Asked[] = [];
  const server = createHttp2Server(
    connectNodeAdapter({
      routes: ({ service }) =>
        void service(SignalService, {
          async evaluate({ signal, text }, { requestHeader }) {
            const one = { signal, text, authorization: requestHeader.get("authorization") ?? undefined };
            asked.push(one);
            return { value: await answer(one) };
          },
        }),
    }),
  );
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise<unknown>((resolve) => server.close(resolve));
    },
  };
}
