// Messages that are written out as objects: each is what the protobuf library would have made.
import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Effect } from "../gen/gatehouse/v1/decision_pb.ts";
import { DecideResponseSchema, ModerationService, RecordResponseSchema } from "../gen/gatehouse/v1/moderation_service_pb.ts";
import { timestampOfMs } from "../src/timestamp-of-ms.ts";
import { startGatehouse, testApp } from "./gatehouse.ts";

const policy = `
name: whole
default: { create_account: allow, add_subscribers: allow }
rules:
  - id: counted
    on: [create_account]
    when: liveAccounts(owner) >= 1
    then: { flag: { severity: high } }
    labels: { kind: many }
  - id: refused
    on: [add_subscribers]
    when: subscriber == "b"
    then: { refuse: { message: "no" } }
`;

it("answers with messages that have every field", async () => {
  await using gatehouse = await startGatehouse({ policy });
  const client = createClient(ModerationService, gatehouse.server.localDoor);
  const createAccount = { case: "createAccount" as const, value: { operator: "o", owner: "o", name: "n" } };
  const first = await client.decide({ appId: testApp, action: createAccount });
  const second = await client.decide({
    appId: testApp,
    requestId: "r",
    origin: { clientIp: "203.0.113.7" },
    eventTime: timestampFromMs(1),
    action: createAccount,
  });
  const preview = await client.decide({
    appId: testApp,
    preview: true,
    action: { case: "addSubscribers", value: { accountId: "a", subscribers: ["b", "c"] } },
  });
  expect(first.decision?.matches).toEqual([]);
  expect(second.decision?.matches.map(({ effect }) => effect)).toEqual([Effect.FLAG]);
  expect(second.decision?.facts).toHaveLength(1);
  expect(preview.decision?.refused).toHaveLength(1);
  for (const response of [first, second, preview]) expectWhole(DecideResponseSchema, response);
  const recorded = await client.record({ appId: testApp, event: { case: "accountFull", value: { accountId: "a" } } });
  expectWhole(RecordResponseSchema, recorded);
});

it("makes the times that the library makes", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
      expect(timestampOfMs(ms)).toEqual(timestampFromMs(ms));
    }),
  );
});

/** Fields that are not set count as none, and lists and texts must be there though they are empty. */
function expectWhole(schema: DescMessage, message: Message): void {
  expect(message).toEqual(fromBinary(schema, toBinary(schema, message)));
}
