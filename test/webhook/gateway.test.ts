// What the gateway hands to the service: messages as the protobuf library makes them.
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import {
  DecideRequestSchema,
  DecideResponseSchema,
  ModerationService,
  RecordRequestSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { samples } from "../../src/cli/samples.ts";
import { serve } from "../../src/rpc/implementation.ts";
import { createLocalDoor } from "../../src/rpc/local-door.ts";
import { createAdmission } from "../../src/webhook/admission.ts";
import { webhookCommands } from "../../src/webhook/commands/index.ts";
import { createGateway } from "../../src/webhook/gateway.ts";
import { readQuery } from "../../src/webhook/query.ts";

const ours = Object.entries(samples).filter(([, { body }]) => webhookCommands.has(body.CallbackCommand));

it.each(ours)("asks the service about %s in a message that has every field", async (_name, { body }) => {
  const asked: Message[] = [];
  const gateway = gatewayThatTells(asked);
  const query = readQuery(`/?CallbackCommand=${body.CallbackCommand}&ClientIP=203.0.113.7&OptPlatform=iOS&RequestId=r-1`);
  for (const text of [JSON.stringify(body), JSON.stringify({ ...body, EventTime: undefined })]) {
    const exchange = { arrivalMs: performance.now(), deadlineMs: performance.now() + 1500, command: "", overdue: undefined };
    await expect(gateway.answer({ kind: "accepted", appId: 1400000000 }, query, text, exchange)).resolves.toMatchObject({ status: 200 });
  }
  expect(asked).toHaveLength(2);
  for (const message of asked) {
    const schema = message.$typeName === DecideRequestSchema.typeName ? DecideRequestSchema : RecordRequestSchema;
    expect(message).toEqual(fromBinary(schema, toBinary(schema, message as never)));
  }
});

/** A gateway whose service notes what it is asked. */
function gatewayThatTells(asked: Message[]) {
  const service = serve(ModerationService, {
    decide(request) {
      asked.push(request);
      return create(DecideResponseSchema, { decision: { verdict: Verdict.ALLOW } });
    },
    record(request) {
      asked.push(request);
      return { eventId: "evt_1" };
    },
    recordFallback: () => ({}),
    recordBatch: () => ({}),
  });
  const client = createClient(ModerationService, createLocalDoor({ services: [service], interceptors: [] }));
  return createGateway({
    client,
    fallbacks: { createAccount: "allow", addSubscribers: "allow", sendMessage: "allow" },
    budgets: { createAccount: 1500, addSubscribers: 1500, sendMessage: 1500, events: 1500 },
    admission: createAdmission(10, () => 0),
    unrecorded: { keepFallback: () => expect.fail(), keepEventMs: 0, keepEvent: () => expect.fail() },
    appLimit: () => 0,
    newRequestId: undefined,
    tellsBudget: false,
    now: Date.now,
  });
}
