// Streams of every kind give the same through every door.
import { once } from "node:events";
import { connect } from "node:net";
import { create, createFileRegistry, type DescService, fromJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import {
  type DecideRequest,
  DecideRequestSchema,
  type DecideResponse,
  DecideResponseSchema,
  file_gatehouse_v1_moderation_service,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../../src/errors.ts";
import type { CallContext } from "../../src/rpc/implementation.ts";
import { fromWireError } from "../../src/rpc/wire-error.ts";
import { doorNames, type OpenDoors, openDoors, until } from "./doors.ts";

const service = streamService();

let doors: OpenDoors;
let contexts: CallContext[];
let closed: number;

/** Answers count up; what request_id says happens after the first. */
const implementation = {
  async *count({ appId, requestId }: DecideRequest, context: CallContext) {
    contexts.push(context);
    try {
      for (let number = 1; number <= appId; number++) {
        yield response(number);
        if (requestId === "fail") throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "No store.");
        if (requestId === "break") throw new Error("hunter2");
        if (requestId === "hang") await new Promise(() => {});
        if (requestId === "wait") await aborted(context);
      }
    } finally {
      closed++;
    }
  },
  async sum(requests: AsyncIterable<DecideRequest>, context: CallContext) {
    contexts.push(context);
    let sum = 0;
    for await (const { appId } of requests) sum += appId;
    return response(sum);
  },
  async *echo(requests: AsyncIterable<DecideRequest>, context: CallContext) {
    contexts.push(context);
    for await (const { appId } of requests) yield response(appId);
  },
};

beforeAll(async () => {
  doors = await openDoors([{ service, implementation }]);
});
beforeEach(() => {
  contexts = [];
  closed = 0;
  doors.calls.length = 0;
  doors.internalErrors.length = 0;
});
afterAll(() => doors.close());

it("who hangs up while answers are being written is no mistake of ours", async () => {
  const { port } = new URL(doors.connectUrl);
  const message = Buffer.from('{"appId":1000000,"createAccount":{"name":"x"}}');
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const head = `POST /${service.typeName}/Count HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\nContent-Length: ${body.length}\r\n\r\n`;
  for (let i = 1; i <= 5; i++) {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(Buffer.concat([Buffer.from(head), body])));
    await once(socket, "data");
    socket.resetAndDestroy();
    await until(() => closed === i);
    await until(() => doors.calls.length === i);
  }
  expect(doors.internalErrors).toEqual([]);
});

describe.each(doorNames)("through the %s door", (name) => {
  const open = (method: string, requests: AsyncIterable<DecideRequest>, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    openStream(doors.transports[name], method, requests, options);

  it("one request gets many answers", async () => {
    const numbers: number[] = [];
    await read(open("count", of(request(3000))), numbers);
    expect(numbers).toHaveLength(3000);
    expect(numbers.at(-1)).toBe(3000);
    expect(doors.calls).toEqual([{ service: "test.v1.StreamService", method: "Count", code: undefined, durationMs: expect.any(Number) }]);
  });

  it("many requests get one answer", async () => {
    const numbers: number[] = [];
    await read(open("sum", of(request(1), request(2), request(3))), numbers);
    expect(numbers).toEqual([6]);
  });

  it("an error comes after the answers before it", async () => {
    const numbers: number[] = [];
    const error = await failureOf(read(open("count", of(request(2, "fail"))), numbers));
    expect(numbers).toEqual([1]);
    expect(fromWireError(error)).toMatchObject({ reason: ErrorReason.STORE_UNAVAILABLE, message: "No store." });
    expect(error.code).toBe(Code.Unavailable);
    expect(doors.calls.map(({ code }) => code)).toEqual([Code.Unavailable]);
  });

  it("an exception is INTERNAL and goes to the log", async () => {
    const error = await failureOf(read(open("count", of(request(2, "break"))), []));
    expect(fromWireError(error)?.reason).toBe(ErrorReason.INTERNAL);
    expect(error.message).not.toContain("hunter2");
    expect(doors.internalErrors).toEqual([new Error("hunter2")]);
  });

  it("every message is validated", async () => {
    const error = await failureOf(read(open("sum", of(request(1), request(0))), []));
    expect(fromWireError(error)).toMatchObject({ reason: ErrorReason.INVALID_REQUEST, fields: [{ field: "app_id" }] });
  });

  it("ends at the deadline even when the implementation hangs", async () => {
    const numbers: number[] = [];
    const error = await failureOf(read(open("count", of(request(2, "hang")), { timeoutMs: 50 }), numbers));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await until(() => doors.calls.length === 1);
    // Over a network the client's own deadline may cut the stream before the server's is noticed.
    expect([Code.DeadlineExceeded, Code.Canceled]).toContain(doors.calls[0]?.code);
    expect(contexts[0]?.signal?.aborted).toBe(true);
  });

  it("tells the implementation when the caller goes away", async () => {
    const caller = new AbortController();
    const numbers: number[] = [];
    const reading = failureOf(read(open("count", of(request(2, "wait")), { signal: caller.signal }), numbers));
    await until(() => numbers.length === 1);
    caller.abort();
    expect((await reading).code).toBe(Code.Canceled);
    await until(() => closed === 1 && doors.calls.length === 1);
    expect(doors.calls[0]?.code).toBe(Code.Canceled);
    expect(doors.internalErrors).toEqual([]);
  });
});

describe.each(["local", "grpc", "remote"] as const)("through the %s door, which speaks both ways at once,", (name) => {
  it("requests and answers take turns", async () => {
    const turns: string[] = [];
    const answered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const requests = async function* () {
      for (const [index, answer] of answered.entries()) {
        turns.push(`ask ${index + 1}`);
        yield request(index + 1);
        await answer.promise;
      }
    };
    const { message } = await openStream(doors.transports[name], "echo", requests(), {});
    for await (const { decision } of message) {
      turns.push(`got ${decision?.code}`);
      answered[(decision?.code ?? 0) - 1]?.resolve();
    }
    expect(turns).toEqual(["ask 1", "got 1", "ask 2", "got 2"]);
  });
});

describe("the local door", () => {
  it("closes the implementation when the caller stops reading", async () => {
    const { message } = await openStream(doors.localDoor, "count", of(request(10)), {});
    for await (const _ of message) break;
    await until(() => closed === 1);
    expect(doors.calls.map(({ code }) => code)).toEqual([Code.Canceled]);
  });

  it.each([[[]], [[request(1), request(2)]]])("takes exactly one request where the method takes one", async (requests) => {
    const error = await failureOf(read(openStream(doors.localDoor, "count", of(...requests), {}), []));
    expect(fromWireError(error)?.reason).toBe(ErrorReason.MALFORMED_MESSAGE);
  });

  it("starts nothing after the deadline", async () => {
    const error = await failureOf(read(openStream(doors.localDoor, "count", of(request(1)), { timeoutMs: 0 }), []));
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(contexts).toEqual([]);
  });
});

function openStream(
  transport: Transport,
  methodName: string,
  requests: AsyncIterable<DecideRequest>,
  { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal },
) {
  const method = service.method[methodName] as unknown as Parameters<
    typeof transport.stream<typeof DecideRequestSchema, typeof DecideResponseSchema>
  >[0];
  return transport.stream(method, signal, timeoutMs, undefined, requests);
}

async function read(opening: ReturnType<typeof openStream>, into: number[]): Promise<void> {
  const { message } = await opening;
  for await (const { decision } of message) into.push(decision?.code ?? 0);
}

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ConnectError) return error;
  throw new Error("the call did not fail with a ConnectError", { cause: error });
}

async function* of<T>(...values: T[]): AsyncIterable<T> {
  yield* values;
}

function request(appId: number, requestId = ""): DecideRequest {
  return create(DecideRequestSchema, { appId, requestId, action: { case: "createAccount", value: { name: "x" } } });
}

function response(code: number): DecideResponse {
  return create(DecideResponseSchema, { decision: { code } });
}

function aborted({ signal }: CallContext): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

/** A service with a streaming method of every kind, over messages that have rules. */
function streamService(): DescService {
  const types = { inputType: ".gatehouse.v1.DecideRequest", outputType: ".gatehouse.v1.DecideResponse" };
  const file = fromJson(FileDescriptorProtoSchema, {
    name: "test/v1/stream_service.proto",
    package: "test.v1",
    syntax: "proto3",
    dependency: [file_gatehouse_v1_moderation_service.proto.name],
    service: [
      {
        name: "StreamService",
        method: [
          { name: "Count", ...types, serverStreaming: true },
          { name: "Sum", ...types, clientStreaming: true },
          { name: "Echo", ...types, clientStreaming: true, serverStreaming: true },
        ],
      },
    ],
  });
  const found = createFileRegistry(file, () => file_gatehouse_v1_moderation_service).getService("test.v1.StreamService");
  if (found === undefined) throw new Error("the stream service is not in its own file");
  return found;
}
