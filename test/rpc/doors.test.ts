// The same call gives the same answer and the same error through every door.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason, ErrorReasonSchema } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import {
  type DecideRequest,
  DecideRequestSchema,
  DecideResponseSchema,
  ModerationService,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { codeByReason, GatehouseError } from "../../src/errors.ts";
import { type CallContext, serve } from "../../src/rpc/implementation.ts";
import { fromWireError } from "../../src/rpc/wire-error.ts";
import { decideClient, doorNames, type OpenDoors, openDoors, until } from "./doors.ts";

const answer = create(DecideResponseSchema, { decision: { decisionId: "d1", verdict: Verdict.DENY, code: 120002, message: "保留" } });

let doors: OpenDoors;
let decide: (request: DecideRequest, context: CallContext) => Promise<typeof answer>;
let contexts: CallContext[];

beforeAll(async () => {
  doors = await openDoors([
    serve(ModerationService, {
      decide: (request, context) => {
        contexts.push(context);
        return decide(request, context);
      },
      record: async () => ({ eventId: "e1" }),
      recordFallback: () => ({}),
      recordBatch: async () => ({}),
    }),
  ]);
});
beforeEach(() => {
  decide = async () => answer;
  contexts = [];
  doors.calls.length = 0;
  doors.internalErrors.length = 0;
});
afterAll(() => doors.close());

function createAccount(name: string): DecideRequest {
  return create(DecideRequestSchema, { appId: 1400000000, action: { case: "createAccount", value: { operator: "a", owner: "a", name } } });
}

async function failureOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectError)) throw new Error("the call did not fail with a ConnectError", { cause: error });
  const infos = error.findDetails(ErrorInfoSchema).map(({ reason, domain, metadata }) => ({ reason, domain, metadata }));
  const fields = error
    .findDetails(BadRequestSchema)
    .map((detail) => detail.fieldViolations.map(({ field, description }) => ({ field, description })));
  return { code: error.code, message: error.rawMessage, infos, fields, error };
}

describe.each(doorNames)("through the %s door", (name) => {
  const client = (...call: Parameters<ReturnType<typeof decideClient>>) => decideClient(doors, name)(...call);

  it("answers", async () => {
    expect(await client(createAccount("天天新闻"))).toEqual(answer);
    expect(doors.calls).toEqual([
      { service: "gatehouse.v1.ModerationService", method: "Decide", code: undefined, durationMs: expect.any(Number) },
    ]);
  });

  it("hands over the request byte for byte", async () => {
    let seen: DecideRequest | undefined;
    decide = async (request) => {
      seen = request;
      return answer;
    };
    await client(createAccount("\ufeffé\u0065\u0301"));
    expect(seen).toEqual(createAccount("\ufeffé\u0065\u0301"));
  });

  it.each(ErrorReasonSchema.values.filter(({ number }) => number !== ErrorReason.INTERNAL))(
    "gives $localName",
    async ({ number, localName }) => {
      const reason = number as ErrorReason;
      const fields = reason === ErrorReason.INVALID_REQUEST ? [{ field: "list", description: "must be 好" }] : [];
      decide = async () => {
        throw new GatehouseError(reason, `Because of 100% "${localName}" 原因.`, {
          metadata: { app_id: "1400000000" },
          fields,
          cause: "secret",
        });
      };
      const { error, ...failure } = await failureOf(client(createAccount("x")));
      expect(failure).toEqual({
        code: codeByReason[reason],
        message: `Because of 100% "${localName}" 原因.`,
        infos: [{ reason: localName, domain: "gatehouse", metadata: { app_id: "1400000000" } }],
        fields: fields.length > 0 ? [fields] : [],
      });
      expect(fromWireError(error)).toMatchObject({ reason, message: failure.message, metadata: { app_id: "1400000000" }, fields });
      expect(doors.calls[0]?.code).toBe(codeByReason[reason]);
      expect(doors.internalErrors).toEqual([]);
    },
  );

  it.each([
    ["an exception", new Error("password=hunter2")],
    ["an error of another service", new ConnectError("password=hunter2", Code.NotFound)],
    ["no error at all", "password=hunter2"],
  ])("says nothing of %s but INTERNAL, and tells the log", async (_, cause) => {
    decide = async () => {
      throw cause;
    };
    const { error, ...failure } = await failureOf(client(createAccount("x")));
    expect(failure).toEqual({
      code: Code.Internal,
      message: "Something went wrong in Gatehouse. Its log says what.",
      infos: [{ reason: "INTERNAL", domain: "gatehouse", metadata: {} }],
      fields: [],
    });
    if (name !== "local")
      expect(JSON.stringify([error.message, error.details, [...error.metadata], String(error.cause)])).not.toContain("hunter2");
    expect(doors.internalErrors).toEqual([cause]);
  });

  it("refuses a name of 151 bytes", async () => {
    const { error: _, ...failure } = await failureOf(client(createAccount(`${"新".repeat(50)}x`)));
    expect(failure).toEqual({
      code: Code.InvalidArgument,
      message: "The request has 1 problem: create_account.name: must be at most 150 bytes",
      infos: [{ reason: "INVALID_REQUEST", domain: "gatehouse", metadata: {} }],
      fields: [[{ field: "create_account.name", description: "must be at most 150 bytes" }]],
    });
    expect(contexts).toEqual([]);
  });

  it("refuses 101 subscribers", async () => {
    const subscribers = Array.from({ length: 101 }, (_, index) => `user${index}`);
    const request = create(DecideRequestSchema, {
      appId: 1,
      action: { case: "addSubscribers", value: { accountId: "@TOA#_1", subscribers } },
    });
    const { fields } = await failureOf(client(request));
    expect(fields).toEqual([[{ field: "add_subscribers.subscribers", description: expect.stringContaining("100") }]]);
  });

  it("says how many problems there are, and names the first 16", async () => {
    const subscribers = Array.from({ length: 100 }, () => "é");
    const request = create(DecideRequestSchema, { action: { case: "addSubscribers", value: { accountId: "@TOA#_1", subscribers } } });
    const { fields, message } = await failureOf(client(request));
    expect(message).toBe("The request has 101 problems, the first: app_id: must be greater than 0");
    expect(fields[0]).toHaveLength(16);
    expect(fields[0]?.[1]?.field).toBe("add_subscribers.subscribers[0]");
  });

  it("refuses a request without an action", async () => {
    const { fields } = await failureOf(client(create(DecideRequestSchema, { appId: 1 })));
    expect(fields).toEqual([[{ field: "action", description: "exactly one field is required in oneof" }]]);
  });

  it("ends at the deadline, and the implementation goes on", async () => {
    const late = Promise.withResolvers<typeof answer>();
    decide = () => late.promise;
    expect((await failureOf(client(createAccount("x"), { timeoutMs: 40 }))).code).toBe(Code.DeadlineExceeded);
    await until(() => doors.calls.length === 1);
    expect(doors.calls[0]?.code).toBe(Code.DeadlineExceeded);
    expect(contexts[0]?.deadlineMs).toBeGreaterThan(0);
    late.reject(new Error("nobody waits for this"));
    await until(() => doors.internalErrors.length === 1);
  });

  it("ends when the caller goes away", async () => {
    decide = () => new Promise(() => {});
    const caller = new AbortController();
    const failure = failureOf(client(createAccount("x"), { signal: caller.signal }));
    await until(() => contexts.length === 1);
    caller.abort();
    expect((await failure).code).toBe(Code.Canceled);
    await until(() => doors.calls.length === 1);
    expect(doors.calls[0]?.code).toBe(Code.Canceled);
    expect(contexts[0]?.signal?.aborted).toBe(true);
    expect(doors.internalErrors).toEqual([]);
  });

  it("hands over headers", async () => {
    await client(createAccount("x"), { headers: { "x-caller": "console" } });
    expect(contexts[0]?.header.get("x-caller")).toBe("console");
  });
});

it("refuses a lone surrogate, which only the local door and JSON can carry", async () => {
  const { message, fields } = await failureOf(decideClient(doors, "local")(createAccount("a\ud800b")));
  const description = "must be well-formed Unicode, and has a surrogate without its other half";
  expect(fields).toEqual([[{ field: "create_account.name", description }]]);
  expect(message).toBe(`The request has 1 problem: create_account.name: ${description}`);
});
