// What the gateway sees of a service that is elsewhere: events keep their order, and what is wrong is refused before it is kept.
import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  DecideRequestSchema,
  DecideResponseSchema,
  RecordFallbackRequestSchema,
  RecordRequestSchema,
  RecordResponseSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { createValidate } from "../../src/rpc/interceptors/validate.ts";
import { toWireError } from "../../src/rpc/wire-error.ts";
import type { Appended } from "../../src/spool/spool.ts";
import type { SpoolItem } from "../../src/spool/spool-file.ts";
import { createSpooledModeration } from "../../src/spool/spooled-moderation.ts";

function open(appended: () => Promise<Appended> = async () => "kept") {
  const items: SpoolItem[] = [];
  const told: string[] = [];
  let pending = 0;
  let calls = 0;
  const validate = createValidate();
  const moderation = createSpooledModeration({
    client: {
      decide: async () => {
        calls++;
        return create(DecideResponseSchema);
      },
      record: async () => {
        calls++;
        return create(RecordResponseSchema, { eventId: "e" });
      },
    },
    spool: {
      append: (item) => {
        items.push(item);
        return appended();
      },
      totals: () => ({ pending, bytes: 0, oldestMs: undefined, refused: 0 }),
    },
    validate: (schema, message) => {
      const problem = validate(schema, message);
      return problem && toWireError(problem, () => undefined);
    },
    onKept: (kind) => told.push(`${kind} kept`),
    onNotKept: (kind, why) => told.push(`${kind} ${why}`),
    now: () => 1_700_000_000_123,
  });
  return { moderation, items, told, calls: () => calls, setPending: (count: number) => (pending = count) };
}

const eventOf = (accountId: string) =>
  create(RecordRequestSchema, { appId: 1, event: { case: "accountCreated", value: { accountId, name: "n" } } });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );

describe("the spooled moderation service", () => {
  it("records an event at once when nothing waits, and otherwise lets it wait behind the rest", async () => {
    const { moderation, calls, setPending } = open();
    expect(await moderation.client.record(eventOf("a"))).toMatchObject({ eventId: "e" });
    setPending(1);
    expect(await codeOf(moderation.client.record(eventOf("b")))).toBe(Code.Unavailable);
    expect(calls()).toBe(1);
    setPending(0);
    await moderation.client.record(eventOf("c"));
    expect(calls()).toBe(2);
  });

  it("decides whatever waits", async () => {
    const { moderation, calls, setPending } = open();
    setPending(1);
    await moderation.client.decide(create(DecideRequestSchema, { appId: 1, action: { case: "createAccount", value: { name: "n" } } }));
    expect(calls()).toBe(1);
  });

  it("refuses what the schema forbids as the service does, so that it is never kept", async () => {
    const { moderation, calls, setPending } = open();
    const wrong = create(DecideRequestSchema, { appId: 1, action: { case: "createAccount", value: { name: "" } } });
    for (const pending of [0, 1]) {
      setPending(pending);
      expect(await codeOf(moderation.client.record(eventOf("")))).toBe(Code.InvalidArgument);
      expect(await codeOf(moderation.client.decide(wrong))).toBe(Code.InvalidArgument);
    }
    expect(calls()).toBe(0);
  });

  it("keeps an event with the time of its arrival, and a fallback as it is", async () => {
    const { moderation, items, told } = open();
    expect(await moderation.unrecorded.keepEvent(eventOf("a"))).toBe(true);
    const fallback = create(RecordFallbackRequestSchema, { request: { appId: 1, requestId: "r" } });
    moderation.unrecorded.keepFallback(fallback);
    await expect.poll(() => told).toEqual(["event kept", "fallback kept"]);
    const [event, kept] = items.map(({ body }) => body);
    const { receiveTime, ...rest } = fromBinary(RecordRequestSchema, event ?? new Uint8Array());
    expect(receiveTime && timestampMs(receiveTime)).toBe(1_700_000_000_123);
    expect(rest).toEqual(eventOf("a"));
    expect(fromBinary(RecordFallbackRequestSchema, kept ?? new Uint8Array())).toEqual(fallback);
  });

  it("does not acknowledge what there is no room for, what the disk refuses, and what it does not take in time", async () => {
    const results: Promise<Appended>[] = [Promise.resolve("full"), Promise.resolve("failed"), new Promise(() => undefined)];
    const { moderation, told } = open(() => results.shift() ?? Promise.resolve("kept"));
    for (let i = 0; i < 3; i++) expect(await moderation.unrecorded.keepEvent(eventOf("a"))).toBe(false);
    expect(told).toEqual(["event full", "event failed", "event slow"]);
  });
});
