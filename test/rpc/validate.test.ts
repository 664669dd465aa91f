// The rules of our schema, as the interceptor applies them.
import { create, type DescMessage } from "@bufbuild/protobuf";
import type { StreamResponse, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { AddEntriesRequestSchema, ListService, RemoveEntriesRequestSchema } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService, RecordBatchRequestSchema, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { GatehouseError } from "../../src/errors.ts";
import { createValidateInterceptor } from "../../src/rpc/interceptors/validate.ts";

const passed = {} as UnaryResponse | StreamResponse;
const interceptor = createValidateInterceptor()(async () => passed);

async function fieldsOf(schema: DescMessage, init: Record<string, unknown>): Promise<[string, string][]> {
  const request = { stream: false, method: { input: schema }, message: create(schema, init) } as unknown as UnaryRequest;
  const result = await interceptor(request).catch((error: unknown) => error as GatehouseError);
  if (result === passed) return [];
  const error = result as GatehouseError;
  expect(error.reason).toBe(ErrorReason.INVALID_REQUEST);
  return error.fields.map(({ field, description }) => [field, description]);
}

describe("every request", () => {
  const methods = [ModerationService, DecisionService, AccountService, ListService].flatMap((service) => service.methods);
  it.each(methods.map((method) => [method.input.typeName, method.input] as const))(
    "of %s has rules that can be applied",
    async (_, schema) => {
      for (const [field] of await fieldsOf(schema, {})) expect(field).not.toBe("");
    },
  );
});

describe("a violation", () => {
  it("in a list is named by its index", async () => {
    const entries = [{ value: "ok" }, { value: "" }, { value: "ok", reason: "a\0b" }];
    expect(await fieldsOf(AddEntriesRequestSchema, { list: "staff", entries })).toEqual([
      ["entries[1].value", "must be at least 1 bytes"],
      ["entries[2].reason", "must not have a NUL in it"],
    ]);
  });

  it("in a list of strings is named by its index too", async () => {
    expect(await fieldsOf(RemoveEntriesRequestSchema, { list: "staff", values: ["ok", "\udfff"] })).toEqual([
      ["values[1]", "must be well-formed Unicode, and has a surrogate without its other half"],
    ]);
  });

  it("in an optional field of a oneof is named by both", async () => {
    const value = { accountId: "@TOA#_1", introduction: "\ud83d" };
    expect(await fieldsOf(RecordRequestSchema, { appId: 1, event: { case: "accountProfileChanged", value } })).toEqual([
      ["account_profile_changed.introduction", "must be well-formed Unicode, and has a surrogate without its other half"],
    ]);
  });
});

it("refuses times that no form of protobuf but the binary one can hold, wherever they stand", async () => {
  const problem = "must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
  const seconds = [-62_135_596_801n, 253_402_300_800n, 2n ** 62n];
  for (const time of [...seconds.map((s) => ({ seconds: s })), { nanos: -1 }, { nanos: 1_000_000_000 }]) {
    const event = { case: "accountFull" as const, value: { accountId: "a" } };
    expect(await fieldsOf(RecordRequestSchema, { appId: 1, eventTime: time, event })).toEqual([["event_time", problem]]);
    const requests = [
      { appId: 1, event },
      { appId: 1, event, receiveTime: time },
      { appId: 0, event },
    ];
    expect(await fieldsOf(RecordBatchRequestSchema, { appId: 1, requests })).toEqual([
      ["requests[2].app_id", "must be greater than 0"],
      ["requests[1].receive_time", problem],
    ]);
    const sent = { case: "messageSent" as const, value: { accountId: "a", messageKey: "k", messageTime: time } };
    expect(await fieldsOf(RecordRequestSchema, { appId: 1, event: sent })).toEqual([["message_sent.message_time", problem]]);
  }
  for (const time of [{ seconds: -62_135_596_800n }, { seconds: 253_402_300_799n, nanos: 999_999_999 }]) {
    const event = { case: "accountFull", value: { accountId: "a" } };
    expect(await fieldsOf(RecordRequestSchema, { appId: 1, eventTime: time, event })).toEqual([]);
  }
});

it("counts bytes of UTF-8, and lets whole surrogate pairs pass", async () => {
  expect(await fieldsOf(AddEntriesRequestSchema, { list: "staff", entries: [{ value: "😀".repeat(125) }] })).toEqual([]);
  expect(await fieldsOf(AddEntriesRequestSchema, { list: "staff", entries: [{ value: "😀".repeat(126) }] })).toEqual([
    ["entries[0].value", "must be at most 500 bytes"],
  ]);
});
