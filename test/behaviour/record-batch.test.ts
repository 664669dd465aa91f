// Events that were kept and are told together, through every RPC door.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ModerationService, type RecordRequest, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

function creation(accountId: string, receiveMs?: number): RecordRequest {
  return create(RecordRequestSchema, {
    appId: testApp,
    event: { case: "accountCreated", value: { accountId, owner: "a", name: accountId } },
    ...(receiveMs === undefined ? {} : { receiveTime: timestampFromMs(receiveMs) }),
  });
}

async function feedOf(gatehouse: TestGatehouse) {
  const { changes } = await createClient(FeedService, gatehouse.server.localDoor).listChanges({ pageSize: 1000 });
  return changes.flatMap(({ change }) => (change.case === "event" && change.value.event.case === "accountCreated" ? [change.value] : []));
}

describe.each(Object.entries(rpcTransports))("through the %s door", (_name, transport) => {
  it("a batch is recorded in its order, once", async () => {
    await using gatehouse = await startGatehouse();
    const client = createClient(ModerationService, transport(gatehouse));
    const ids = Array.from({ length: 300 }, (_, i) => `account-${(i * 7) % 300}`);
    const requests = ids.map((id) => creation(id));
    expect(await client.recordBatch({ appId: testApp, requests: requests.slice(0, 200) })).toMatchObject({ duplicateCount: 0 });
    expect(await client.recordBatch({ appId: testApp, requests })).toMatchObject({ duplicateCount: 200 });
    const events = await feedOf(gatehouse);
    expect(events.map(({ event }) => (event.case === "accountCreated" ? event.value.accountId : ""))).toEqual(ids);
  });

  it("a batch with one event that cannot be recorded records none", async () => {
    await using gatehouse = await startGatehouse();
    const client = createClient(ModerationService, transport(gatehouse));
    const refusals = [
      { appId: testApp, requests: [creation("a"), { ...creation("b"), appId: 5 }] },
      { appId: testApp, requests: [creation("a"), creation("")] },
      { appId: testApp, requests: [] },
    ];
    for (const refused of refusals) expect(await failureOf(client.recordBatch(refused))).toMatchObject({ reason: "INVALID_REQUEST" });
    const foreign = client.recordBatch({ appId: 5, requests: [{ ...creation("a"), appId: 5 }] });
    expect(await failureOf(foreign)).toMatchObject({ reason: "UNKNOWN_APP" });
    expect(await feedOf(gatehouse)).toEqual([]);
  });

  it("an event keeps the time at which it arrived at who has kept it, but for one in the future", async () => {
    await using gatehouse = await startGatehouse();
    const client = createClient(ModerationService, transport(gatehouse));
    const beforeMs = Date.now();
    await client.recordBatch({ appId: testApp, requests: [creation("kept", 1_700_000_000_123), creation("ahead", beforeMs + 3_600_000)] });
    await client.record(creation("alone", 1_700_000_000_124));
    const [kept, ahead, alone] = (await feedOf(gatehouse)).map(({ receiveTime }) =>
      receiveTime === undefined ? 0 : timestampMs(receiveTime),
    );
    expect([kept, alone]).toEqual([1_700_000_000_123, 1_700_000_000_124]);
    expect(ahead).toBeGreaterThanOrEqual(beforeMs);
    expect(ahead).toBeLessThanOrEqual(Date.now());
  });
});
