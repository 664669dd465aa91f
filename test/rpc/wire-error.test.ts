// Errors as they travel, and back.
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { GatehouseError } from "../../src/errors.ts";
import { fromWireError, maxFieldsOnWire, toWireError } from "../../src/rpc/wire-error.ts";

const ignore = () => {};

it("passes an error of ours as it is", () => {
  const error = toWireError(new GatehouseError(ErrorReason.UNKNOWN_APP, "No such app."), ignore);
  expect(toWireError(error, ignore)).toBe(error);
  expect(error.findDetails(ErrorInfoSchema)).toHaveLength(1);
});

it("tells the log of INTERNAL errors of ours too", () => {
  const logged: unknown[] = [];
  const error = new GatehouseError(ErrorReason.INTERNAL, "The policy is gone.");
  expect(toWireError(error, (reason) => logged.push(reason)).code).toBe(Code.Internal);
  expect(logged).toEqual([error]);
});

it("sends well-formed text whatever it was made of, because headers cannot carry any other", () => {
  const error = toWireError(
    new GatehouseError(ErrorReason.LIST_NOT_FOUND, "No list \ud800.", {
      metadata: { list: "\udc00" },
      fields: [{ field: "list", description: "\ud800" }],
    }),
    ignore,
  );
  expect(fromWireError(error)).toMatchObject({
    message: "No list \ufffd.",
    metadata: { list: "\ufffd" },
    fields: [{ field: "list", description: "\ufffd" }],
  });
});

it("names no more fields than a trailer can carry", () => {
  const fields = Array.from({ length: 1000 }, (_, index) => ({
    field: `entries[${index}].value`,
    description: "must be at most 500 bytes",
  }));
  const error = toWireError(new GatehouseError(ErrorReason.INVALID_REQUEST, "1000 problems", { fields }), ignore);
  expect(fromWireError(error)?.fields).toEqual(fields.slice(0, maxFieldsOnWire));
});

it("reads a reason that this schema does not have as UNSPECIFIED", () => {
  const error = new ConnectError("new", Code.Aborted);
  error.details = [{ desc: ErrorInfoSchema, value: { reason: "FROM_THE_FUTURE", domain: "gatehouse" } }];
  expect(fromWireError(error)).toMatchObject({ reason: ErrorReason.UNSPECIFIED, message: "new", cause: error });
});

it.each([
  ["that is no error of Connect", new Error("x")],
  ["that carries nothing", new ConnectError("x", Code.Unavailable)],
])("does not read an error %s", (_, error) => {
  expect(fromWireError(error)).toBeUndefined();
});

it("does not read the reasons of other services", () => {
  const error = new ConnectError("x");
  error.details = [{ desc: ErrorInfoSchema, value: { reason: "UNKNOWN_APP", domain: "example.com" } }];
  expect(fromWireError(error)).toBeUndefined();
});
