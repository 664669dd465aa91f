// What the local door promises to callers in process and to interceptors.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createContextKey, createContextValues, type Interceptor } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import {
  type DecideRequest,
  DecideRequestSchema,
  DecideResponseSchema,
  ModerationService,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../../src/errors.ts";
import { type CallContext, type Implementation, serve } from "../../src/rpc/implementation.ts";
import { createInterceptors } from "../../src/rpc/interceptors.ts";
import { createLocalDoor } from "../../src/rpc/local-door.ts";
import { fromWireError } from "../../src/rpc/wire-error.ts";

const answer = create(DecideResponseSchema, { decision: { decisionId: "d1" } });
const request = create(DecideRequestSchema, { appId: 1, action: { case: "createAccount", value: { name: "x" } } });

function open(decide: Implementation<typeof ModerationService>["decide"], interceptors: readonly Interceptor[] = []) {
  const lateErrors: unknown[] = [];
  const onLateError = (error: unknown) => lateErrors.push(error);
  const services = [
    serve(ModerationService, { decide, record: () => ({ eventId: "e1" }), recordFallback: () => ({}), recordBatch: () => ({}) }),
  ];
  const all = [...createInterceptors({ onCall: () => {}, onInternalError: () => {} }), ...interceptors];
  const door = createLocalDoor({ services, interceptors: all, onLateError });
  return { door, lateErrors, client: createClient(ModerationService, door) };
}

it("hands over the very messages, without copying them", async () => {
  let seen: DecideRequest | undefined;
  const { client } = open((message) => {
    seen = message;
    return answer;
  });
  expect(await client.decide(request)).toBe(answer);
  expect(seen).toBe(request);
});

it("says until when an answer is of use: the deadline, or what the caller says when that is sooner", async () => {
  const useful: (number | undefined)[] = [];
  const { client } = open((_message, call) => {
    const { usefulUntilMs } = call;
    useful.push(usefulUntilMs === undefined ? undefined : Math.round((usefulUntilMs - performance.now()) / 1000));
    return answer;
  });
  const budget = (ms: string) => ({ headers: [["Gatehouse-Budget-Ms", ms]] as [string, string][] });
  for (const options of [
    {},
    { timeoutMs: 100_000 },
    budget("50000"),
    { ...budget("50000"), timeoutMs: 100_000 },
    { ...budget("50000"), timeoutMs: 20_000 },
    budget("soon"),
  ]) {
    await client.decide(request, options);
  }
  expect(useful).toEqual([undefined, 100, 50, 50, 20, undefined]);
});

it("makes messages of plain objects, in and out", async () => {
  const { client } = open(({ appId }) => ({ decision: { appId } }));
  const { $typeName, decision } = await client.decide({ appId: 7, action: { case: "createAccount", value: { name: "x" } } });
  expect($typeName).toBe("gatehouse.v1.DecideResponse");
  expect(decision?.appId).toBe(7);
});

it("keeps the implementation's this", async () => {
  const services = [
    serve(ModerationService, {
      decide() {
        return this.record === undefined ? {} : answer;
      },
      record: () => ({}),
      recordFallback: () => ({}),
      recordBatch: () => ({}),
    }),
  ];
  expect(await createClient(ModerationService, createLocalDoor({ services, interceptors: [] })).decide(request)).toBe(answer);
});

it("refuses a service whose implementation lacks a method", () => {
  const services = [{ service: ModerationService, implementation: { decide: () => answer } }];
  expect(() => createLocalDoor({ services, interceptors: [] })).toThrow("gatehouse.v1.ModerationService has no implementation of Record");
});

it("refuses a method of a service that it does not serve", async () => {
  const { door } = open(() => answer);
  const error = await createClient(DecisionService, door)
    .getDecision({})
    .catch((reason: unknown) => reason);
  expect(fromWireError(error)).toMatchObject({
    reason: ErrorReason.UNKNOWN_METHOD,
    message: "There is no method gatehouse.v1.DecisionService/GetDecision here.",
  });
});

it("gives the implementation no signal and no deadline that the caller did not give", async () => {
  const contexts: CallContext[] = [];
  const { client } = open((_, context) => {
    contexts.push(context);
    return answer;
  });
  await client.decide(request);
  expect(contexts[0]).toMatchObject({ signal: undefined, deadlineMs: undefined });
  const { signal } = new AbortController();
  const before = performance.now();
  await client.decide(request, { signal, timeoutMs: 1000, headers: { "x-caller": "webhook" } });
  expect(contexts[1]?.signal).toBe(signal);
  expect((contexts[1]?.deadlineMs ?? 0) - before).toBeGreaterThanOrEqual(1000);
  expect(contexts[1]?.header.get("x-caller")).toBe("webhook");
});

it.each([{ timeoutMs: 0 }, { timeoutMs: -1 }, { signal: AbortSignal.abort() }])("does not run a call that is over: %j", async (options) => {
  let ran = false;
  const { client } = open(() => {
    ran = true;
    return answer;
  });
  await expect(client.decide(request, options)).rejects.toBeInstanceOf(ConnectError);
  expect(ran).toBe(false);
});

it("waits as long as it takes for a deadline that no timer can hold", async () => {
  const { client } = open(async () => answer);
  expect(await client.decide(request, { timeoutMs: Number.MAX_SAFE_INTEGER })).toBe(answer);
});

it.each([
  ["a mistake", new Error("late"), true],
  ["a mistake that has a reason", new GatehouseError(ErrorReason.INTERNAL, "The policy is gone."), true],
  ["an error that is meant for callers", new GatehouseError(ErrorReason.UNKNOWN_APP, "No such app."), false],
])("of a failure that nobody waits for tells when it is a mistake: %s", async (_, failure, isTold) => {
  const late = Promise.withResolvers<typeof answer>();
  const caller = new AbortController();
  const { client, lateErrors } = open(() => late.promise);
  const call = client.decide(request, { signal: caller.signal });
  caller.abort();
  await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  late.reject(failure);
  await late.promise.catch(() => {});
  expect(lateErrors).toEqual(isTold ? [failure] : []);
});

it("takes its timers and listeners away when the answer is there", async () => {
  const { client } = open(async () => answer);
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const caller = new AbortController();
  for (let call = 0; call < 100; call++) await client.decide(request, { timeoutMs: 60_000, signal: caller.signal });
  expect(timers()).toBe(before);
  caller.abort();
});

it("lets interceptors see headers, signal and context values, and answer headers", async () => {
  const key = createContextKey("nobody");
  const seen: unknown[] = [];
  const interceptor: Interceptor = (next) => async (call) => {
    seen.push(call.header.get("x-caller"), call.signal.aborted, call.contextValues.get(key), call.url, call.requestMethod);
    const response = await next(call);
    response.header.set("x-seen", "yes");
    return response;
  };
  const { client } = open(() => answer, [interceptor]);
  let header: Headers | undefined;
  await client.decide(request, {
    headers: { "x-caller": "cli" },
    contextValues: createContextValues().set(key, "someone"),
    onHeader: (headers) => {
      header = headers;
    },
  });
  expect(seen).toEqual(["cli", false, "someone", "local:///gatehouse.v1.ModerationService/Decide", "POST"]);
  expect(header?.get("x-seen")).toBe("yes");
});
