// Fallbacks that wait in memory: recorded in the end, each once, and never more of them than there is room for.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it, vi } from "vitest";
import {
  DecideRequestSchema,
  type RecordFallbackRequest,
  RecordFallbackRequestSchema,
  RecordFallbackResponseSchema,
  RecordRequestSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { createUnrecordedInMemory } from "../../src/webhook/unrecorded-in-memory.ts";

const fallback = (requestId: string) =>
  create(RecordFallbackRequestSchema, { request: create(DecideRequestSchema, { appId: 1, requestId }) });
const range = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`);

/** A service whose answers the test gives. */
function open({ maxCount = 1000 } = {}) {
  const recorded: string[] = [];
  const dropped: string[] = [];
  const state = { isCalm: true, calmAsked: 0, failure: undefined as ConnectError | undefined, asked: 0 };
  const client = {
    async recordFallback(request: unknown) {
      state.asked++;
      if (state.failure !== undefined) throw state.failure;
      recorded.push((request as RecordFallbackRequest).request?.requestId ?? "");
      return create(RecordFallbackResponseSchema);
    },
  };
  const isCalm = () => {
    state.calmAsked++;
    return state.isCalm;
  };
  const unrecorded = createUnrecordedInMemory({ client, maxCount, isCalm, onDropped: (why) => dropped.push(why) });
  const keep = (ids: readonly string[], sizeBytes = 100) => {
    for (const id of ids) unrecorded.keepFallback(fallback(id), sizeBytes);
  };
  return { recorded, dropped, state, unrecorded, keep };
}

it("records each once, in their order, and again what comes after everything was recorded", async () => {
  const { recorded, unrecorded, keep } = open();
  keep(range(100));
  await vi.waitUntil(() => recorded.length === 100);
  expect(recorded).toEqual(range(100));
  expect(unrecorded.waiting()).toBe(0);
  keep(["more"]);
  await vi.waitUntil(() => recorded.length === 101);
});

it("goes on trying while the service cannot record, and gives up what it refuses", async () => {
  const { recorded, dropped, state, keep } = open();
  state.failure = new ConnectError("away", Code.Unavailable);
  keep(range(20));
  await vi.waitUntil(() => state.asked > 40, { timeout: 10_000 });
  expect(recorded).toEqual([]);
  state.failure = undefined;
  await vi.waitUntil(() => recorded.length === 20, { timeout: 10_000 });
  expect(new Set(recorded)).toEqual(new Set(range(20)));
  state.failure = new ConnectError("no", Code.InvalidArgument);
  keep(["bad"]);
  await vi.waitUntil(() => dropped.length === 1);
  expect(dropped).toEqual(["refused"]);
});

it("waits for time to spare", async () => {
  const { recorded, state, unrecorded, keep } = open();
  state.isCalm = false;
  keep(["a"]);
  await vi.waitUntil(() => state.calmAsked >= 3);
  expect([recorded, unrecorded.waiting()]).toEqual([[], 1]);
  state.isCalm = true;
  await vi.waitUntil(() => recorded.length === 1);
});

it("drops the oldest when there are too many, or they are too large", async () => {
  const { recorded, dropped, state, unrecorded, keep } = open({ maxCount: 50 });
  state.isCalm = false;
  keep(range(5000));
  expect([unrecorded.waiting(), dropped.length]).toEqual([50, 4950]);
  state.isCalm = true;
  await vi.waitUntil(() => recorded.length === 50);
  expect(recorded).toEqual(range(5000).slice(-50));
  state.isCalm = false;
  keep(range(10), 2 ** 24);
  expect(unrecorded.waiting()).toBe(4);
});

it("records what it can when it is closed, and drops the rest", async () => {
  const calm = open();
  calm.state.isCalm = false;
  calm.keep(range(100));
  await calm.unrecorded.close(5000);
  expect([calm.recorded.length, calm.dropped.length]).toEqual([100, 0]);
  const away = open();
  away.state.failure = new ConnectError("away", Code.Unavailable);
  away.keep(range(30));
  await away.unrecorded.close(50);
  away.keep(["after"]);
  await vi.waitUntil(() => away.dropped.length === 31);
  expect([new Set(away.dropped), away.unrecorded.waiting()]).toEqual([new Set(["stopped"]), 0]);
});

it("keeps no events: what is not on disk must not be acknowledged", async () => {
  const { unrecorded } = open();
  expect([unrecorded.keepEventMs, await unrecorded.keepEvent(create(RecordRequestSchema))]).toEqual([0, false]);
});
