// What the gRPC door adds to the local door: health, reflection, limits and an orderly end.
import { create, type DescService, fromBinary, fromJson, isFieldSet, type Message, toBinary, toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createGrpcDoor } from "../../src/rpc/grpc-door.ts";
import { type CallContext, type Implementation, type ServedService, serve } from "../../src/rpc/implementation.ts";
import { toConnectError } from "../../src/rpc/remote-calls.ts";
import { type OpenDoors, openDoors, until } from "./doors.ts";
import { openReflection } from "./reflection-client.ts";

/** Serves a service whose other methods are not called here. */
function serveOnly<S extends DescService>(service: S, implementation: Partial<Implementation<S>> = {}): ServedService {
  const unused = () => Promise.reject(new Error("not called here"));
  const methods = Object.fromEntries(service.methods.map((method) => [method.localName, unused]));
  return serve(service, { ...methods, ...implementation } as Implementation<S>);
}

const decidePath = "/gatehouse.v1.ModerationService/Decide";

let doors: OpenDoors;
let client: Client;
let decide: (call: CallContext) => Promise<{ decision: { decisionId: string } }>;

beforeEach(async () => {
  decide = async () => ({ decision: { decisionId: "d1" } });
  doors = await openDoors([
    serveOnly(ModerationService, { decide: (_request, call) => decide(call) }),
    serveOnly(DecisionService),
    serveOnly(AccountService),
    serveOnly(ListService),
  ]);
  client = new Client(doors.grpcAddress, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await doors.close();
});

/** A unary call with bytes in and out, as a client without our schema makes it. */
function callBytes(path: string, request: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, Buffer.from, asItIs, request, new Metadata(), { deadline: Date.now() + 5000 }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? Buffer.of());
    });
  });
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

async function failureOf(call: Promise<unknown>): Promise<{ code: Code; message: string; reasons: string[] }> {
  const error = await call.then(
    () => undefined,
    (reason: ServiceError) => toConnectError(reason),
  );
  if (error === undefined) throw new Error("the call did not fail");
  return { code: error.code, message: error.rawMessage, reasons: error.findDetails(ErrorInfoSchema).map(({ reason }) => reason) };
}

it("does not abort what was answered, though grpc-js says of every call in the end that it is cancelled", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  decide = async ({ signal }) => {
    signals.push(signal);
    return { decision: { decisionId: "d1" } };
  };
  for (let call = 0; call < 5; call++) await callBytes(decidePath, decideBytes());
  client.close();
  await doors.grpcDoor.close(1000);
  expect(signals.map((signal) => signal?.aborted)).toEqual([false, false, false, false, false]);
});

function healthMethod() {
  const { Check } = healthDefinition;
  if (Check === undefined) throw new Error("grpc-health-check has no Check");
  return Check;
}

describe("health", () => {
  const check = async (service: string) => {
    const request = healthMethod().requestSerialize({ service });
    return (healthMethod().responseDeserialize(await callBytes("/grpc.health.v1.Health/Check", request)) as { status: string }).status;
  };
  const names = ["", "gatehouse.v1.ModerationService", "gatehouse.v1.ListService"];

  it.each(names)("of %j is SERVING only when it was said to be", async (name) => {
    expect(await check(name)).toBe("NOT_SERVING");
    doors.grpcDoor.setServing(true);
    expect(await check(name)).toBe("SERVING");
    doors.grpcDoor.setServing(false);
    expect(await check(name)).toBe("NOT_SERVING");
  });

  it("of a service that is not here is NOT_FOUND", async () => {
    expect((await failureOf(check("gatehouse.v1.Nothing"))).code).toBe(Code.NotFound);
  });

  it("is NOT_SERVING while it stops, and open calls end in peace", async () => {
    doors.grpcDoor.setServing(true);
    const watched: string[] = [];
    const watch = watchHealth(client, watched);
    const answer = Promise.withResolvers<{ decision: { decisionId: string } }>();
    let started = false;
    decide = () => {
      started = true;
      return answer.promise;
    };
    const call = callBytes(decidePath, decideBytes());
    await until(() => started && watched.length === 1);
    const closing = doors.grpcDoor.close(5000);
    await until(() => watched.length === 2);
    expect(watched).toEqual(["SERVING", "NOT_SERVING"]);
    answer.resolve({ decision: { decisionId: "d1" } });
    expect((await call).length).toBeGreaterThan(0);
    watch.cancel();
    await closing;
  });
});

function watchHealth(from: Client, into: string[]) {
  const watch = from.makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    Buffer.from,
    (bytes) => (healthMethod().responseDeserialize(bytes) as { status: string }).status,
    Buffer.of(),
  );
  watch.on("data", (status: string) => into.push(status));
  watch.on("error", () => into.push("ended"));
  return watch;
}

describe("closing", () => {
  it("cuts calls that outlive the grace", async () => {
    const watched: string[] = [];
    watchHealth(client, watched);
    decide = () => new Promise(() => {});
    const call = failureOf(callBytes(decidePath, decideBytes()));
    await until(() => watched.length === 1);
    await doors.grpcDoor.close(20);
    expect((await call).code).toBe(Code.Canceled);
    await until(() => watched.includes("ended"));
  });

  it("may be asked twice, and before anyone has connected", async () => {
    await Promise.all([doors.grpcDoor.close(50), doors.grpcDoor.close(0)]);
    await createGrpcDoor({ localDoor: doors.localDoor, services: [], onInternalError: () => {} }).close(0);
  });
});

describe("refuses", () => {
  it("bytes that are not the message", async () => {
    expect(await failureOf(callBytes(decidePath, Uint8Array.of(0x0a, 0xff)))).toEqual({
      code: Code.InvalidArgument,
      message: expect.stringContaining("The message cannot be read as gatehouse.v1.DecideRequest: "),
      reasons: ["MALFORMED_MESSAGE"],
    });
  });

  it("text that is not UTF-8", async () => {
    expect(await failureOf(callBytes(decidePath, Uint8Array.of(0x08, 1, 0x12, 2, 0xc3, 0x28)))).toMatchObject({
      reasons: ["MALFORMED_MESSAGE"],
    });
  });

  it("a message of more than 4 MiB", async () => {
    expect((await failureOf(callBytes(decidePath, new Uint8Array(2 ** 22 + 1)))).code).toBe(Code.ResourceExhausted);
  });

  it("a method that is not here", async () => {
    expect((await failureOf(callBytes("/gatehouse.v1.ModerationService/Decied", Buffer.of()))).code).toBe(Code.Unimplemented);
  });
});

/** appId 1, createAccount { name: "x" }. */
function decideBytes(): Uint8Array {
  return Uint8Array.of(0x08, 1, 0x52, 3, 0x1a, 1, 0x78);
}

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  it("lets a client that knows nothing list, describe and call", async () => {
    const reflection = openReflection(client, version);
    const services = await reflection.listServices();
    expect(services.toSorted()).toEqual([
      "gatehouse.v1.AccountService",
      "gatehouse.v1.DecisionService",
      "gatehouse.v1.ListService",
      "gatehouse.v1.ModerationService",
      "grpc.health.v1.Health",
    ]);
    for (const name of services) {
      const registry = await reflection.describe(name);
      for (const method of registry.getService(name)?.methods ?? []) {
        expect(registry.getMessage(method.input.typeName)).toBeDefined();
        expect(registry.getMessage(method.output.typeName)).toBeDefined();
      }
    }
    const registry = await reflection.describe("gatehouse.v1.ModerationService");
    const method = registry.getService("gatehouse.v1.ModerationService")?.method.decide;
    if (method === undefined) throw new Error("reflection does not tell of Decide");
    const request = fromJson(method.input, { appId: 1, createAccount: { name: "天天新闻" }, eventTime: "2026-01-01T00:00:00Z" });
    const answer: Message = fromBinary(method.output, await callBytes(decidePath, toBinary(method.input, request)));
    expect(toJson(method.output, answer)).toEqual({ decision: { decisionId: "d1" } });
    reflection.close();
  });

  it("tells of health as it is served", async () => {
    const reflection = openReflection(client, version);
    const health = (await reflection.describe("grpc.health.v1.Health")).getService("grpc.health.v1.Health");
    expect(health?.methods.map(({ name }) => name).toSorted()).toEqual(Object.keys(healthDefinition).toSorted());
    const list = health?.method.list;
    if (list === undefined) throw new Error("reflection does not tell of List");
    const answer: Message = fromBinary(list.output, await callBytes("/grpc.health.v1.Health/List", Buffer.of()));
    expect(toJson(list.output, answer)).toMatchObject({ statuses: { "gatehouse.v1.ListService": { status: "NOT_SERVING" } } });
    reflection.close();
  });

  it("tells of optional fields", async () => {
    const reflection = openReflection(client, version);
    const event = (await reflection.describe("gatehouse.v1.AccountService")).getMessage("gatehouse.v1.AccountProfileChanged");
    if (event?.field.introduction === undefined) throw new Error("reflection does not tell of AccountProfileChanged.introduction");
    expect(isFieldSet(create(event, { introduction: "" }), event.field.introduction)).toBe(true);
    reflection.close();
  });
});
