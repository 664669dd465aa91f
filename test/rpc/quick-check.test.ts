// The quick look at messages: it must never let through what protovalidate refuses, and see that an ordinary request is in order.
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ListDecisionsRequestSchema } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { AddEntriesRequestSchema } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { DecideRequestSchema, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { createQuickCheck } from "../../src/rpc/interceptors/quick-check.ts";

const matches = (pattern: string, text: string) => text.isWellFormed() && new RegExp(pattern, "u").test(text);
const validator = createValidator({ regexMatch: matches });
const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom("", "公".repeat(50), "公".repeat(51), "x".repeat(48), "x".repeat(49), "\ud800", "a\0"),
);
const number = fc.constantFrom(0, 1, 5, 1400000000);

describe("the quick look", () => {
  it("lets no decision through that breaks a rule", () => {
    const quick = createQuickCheck(DecideRequestSchema, matches);
    const action = fc.oneof(
      fc.constant({ case: undefined }),
      fc.record({ case: fc.constant("createAccount" as const), value: fc.record({ operator: text, owner: text, name: text }) }),
      fc.record({
        case: fc.constant("addSubscribers" as const),
        value: fc.record({ accountId: text, operator: text, subscribers: fc.array(text, { maxLength: 102, size: "max" }) }),
      }),
    );
    const request = fc.record({ appId: number, requestId: text, origin: fc.record({ clientIp: text, platform: text }), action });
    let passed = 0;
    fc.assert(
      fc.property(request, (init) => {
        const message = create(DecideRequestSchema, init as MessageInitShape<typeof DecideRequestSchema>);
        const isValid = validator.validate(DecideRequestSchema, message).kind === "valid";
        if (isValid) passed++;
        expect(quick(message)).toBe(isValid);
      }),
      { numRuns: 2000 },
    );
    expect(passed).toBeGreaterThan(0);
  });

  it("agrees on optional fields, numbers, enums and lists of messages", () => {
    const cases = [
      [RecordRequestSchema, { appId: 1, event: { case: "accountProfileChanged", value: { accountId: "a", name: "" } } }],
      [RecordRequestSchema, { appId: 1, event: { case: "accountProfileChanged", value: { accountId: "a", name: "x".repeat(151) } } }],
      [RecordRequestSchema, { appId: 1, event: { case: "accountProfileChanged", value: { accountId: "" } } }],
      [ListDecisionsRequestSchema, { verdict: 3, pageSize: 0 }],
      [ListDecisionsRequestSchema, { verdict: 99 }],
      [ListDecisionsRequestSchema, { pageSize: -1 }],
      [AddEntriesRequestSchema, { list: "a", entries: [{ value: "x" }] }],
      [AddEntriesRequestSchema, { list: "a", entries: [{ value: "" }] }],
      [AddEntriesRequestSchema, { list: "A", entries: [{ value: "x" }] }],
      [AddEntriesRequestSchema, { list: "a", entries: [] }],
    ] satisfies [DescMessage, object][];
    for (const [schema, init] of cases as [DescMessage, object][]) {
      const message = create(schema, init as never);
      const isValid = validator.validate(schema, message).kind === "valid";
      expect(createQuickCheck(schema, matches)(message), JSON.stringify(init)).toBe(isValid);
    }
  });
});
