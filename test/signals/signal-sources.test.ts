// Classifiers over HTTP and gRPC: what they are asked, and what each way of failing is called.

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { SignalService } from "../../gen/gatehouse/v1/signal_service_pb.ts";
import { createHttpExchange } from "../../src/outbound/http-exchange.ts";
import { createRemoteDoor } from "../../src/rpc/remote-door.ts";
import { createGrpcSignal } from "../../src/signals/grpc-signal.ts";
import { createHttpSignal } from "../../src/signals/http-signal.ts";
import type { SignalSource } from "../../src/signals/signal-source.ts";
import { startClassifier, startGrpcClassifier } from "../classifier.ts";

/** Long enough for a busy machine. */
const patientMs = 20_000;

function overHttp(port: number, token?: string): SignalSource & Disposable {
  const url = new URL(`http://127.0.0.1:${port}/a/b?model=small`);
  const exchange = createHttpExchange({ url, maxConnections: 2, maxAnswerBytes: 1000 });
  const source = createHttpSignal({ signal: "toxicity", url, token, exchange });
  return { ...source, [Symbol.dispose]: source.close };
}

function overGrpc(port: number, apiKey?: string): SignalSource & Disposable {
  const { transport, close } = createRemoteDoor({ target: `127.0.0.1:${port}`, ...(apiKey !== undefined && { apiKey }) });
  const source = createGrpcSignal({ signal: "toxicity", client: createClient(SignalService, transport), close });
  return { ...source, [Symbol.dispose]: source.close };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<unknown>((resolve) => server.close(resolve));
  return port;
}

const text = 'Grüße\n"👋"';

describe("a classifier over HTTP", () => {
  it("gets a post of JSON with the signal, the text as it is and the token", async () => {
    await using classifier = await startClassifier(() => 0.25);
    using source = overHttp(classifier.port, "secret");
    expect(await source.ask(text, patientMs)).toEqual({ kind: "answered", value: 0.25 });
    expect(classifier.asked).toEqual([{ signal: "toxicity", text, authorization: "Bearer secret" }]);
    expect(classifier.headers[0]).toMatchObject({ "content-type": "application/json", host: `127.0.0.1:${classifier.port}` });
  });

  it("is shown no token when there is none", async () => {
    await using classifier = await startClassifier(() => 0);
    using source = overHttp(classifier.port);
    await source.ask(text, patientMs);
    expect(classifier.asked[0]?.authorization).toBeUndefined();
  });

  it.each([
    [0, 0],
    [-3.5, -3.5],
    [1e300, 1e300],
    [true, 1],
    [false, 0],
  ])("that answers %j says %d", async (answered, value) => {
    await using classifier = await startClassifier(() => answered);
    using source = overHttp(classifier.port);
    expect(await source.ask(text, patientMs)).toEqual({ kind: "answered", value });
  });

  it.each([
    ["text", 200, "hello", "its answer is not JSON"],
    ["nothing", 200, "", "its answer is not JSON"],
    ["null", 200, "null", 'its answer has no "value" that is a number, true or false'],
    ["a text as value", 200, '{"value": "0.9"}', 'its answer has no "value" that is a number, true or false'],
    ["a number that is none", 200, '{"value": 1e999}', 'its answer has no "value" that is a number, true or false'],
    ["an error", 500, '{"value": 1}', "it answered with status 500"],
    ["too much", 200, `{"value": 1, "more": "${"x".repeat(1000)}"}`, "its answer has more than 1000 bytes"],
  ])("that answers %s answers rubbish", async (_what, status, body, message) => {
    await using classifier = await startClassifier((_asked, res) => void res.writeHead(status).end(body));
    using source = overHttp(classifier.port);
    expect(await source.ask(text, patientMs)).toEqual({ kind: "failed", cause: "rubbish", message });
  });

  it("that is not there is down, and one that does not answer times out", async () => {
    using nobody = overHttp(await freePort());
    expect(await nobody.ask(text, patientMs)).toEqual({ kind: "failed", cause: "down", message: "ECONNREFUSED" });
    await using classifier = await startClassifier(() => undefined);
    using source = overHttp(classifier.port);
    expect(await source.ask(text, 50)).toEqual({ kind: "failed", cause: "timeout", message: "no answer within 50 ms" });
  });
});

describe("a classifier over gRPC", () => {
  it("gets the signal, the text and the token", async () => {
    await using classifier = await startGrpcClassifier(() => 0.25);
    using source = overGrpc(classifier.port, "secret");
    expect(await source.ask(text, patientMs)).toEqual({ kind: "answered", value: 0.25 });
    expect(classifier.asked).toEqual([{ signal: "toxicity", text, authorization: "Bearer secret" }]);
  });

  it("that answers NaN, or an error, answers rubbish; what the error says is not passed on", async () => {
    const answers = [() => Number.NaN, () => Promise.reject(new ConnectError(`cannot read ${text}`, Code.InvalidArgument))];
    await using classifier = await startGrpcClassifier(() => answers.shift()?.() ?? 0);
    using source = overGrpc(classifier.port);
    expect(await source.ask(text, patientMs)).toEqual({ kind: "failed", cause: "rubbish", message: "it answered with NaN" });
    const message = "it answered with the error InvalidArgument";
    expect(await source.ask(text, patientMs)).toEqual({ kind: "failed", cause: "rubbish", message });
  });

  it("that is not there is down, and one that does not answer times out", async () => {
    using nobody = overGrpc(await freePort());
    expect(await nobody.ask(text, patientMs)).toMatchObject({ kind: "failed", cause: "down" });
    await using classifier = await startGrpcClassifier(() => new Promise<number>(() => undefined));
    using source = overGrpc(classifier.port);
    expect(await source.ask(text, 100)).toEqual({ kind: "failed", cause: "timeout", message: "no answer in time" });
  });
});
