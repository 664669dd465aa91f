// The request ids of a gateway are each another one, sort by time, and are what the schema takes.
import { expect, it } from "vitest";
import { createRequestIds } from "../../src/webhook/request-ids.ts";

it("ids are unique and sort as they were given, also when the clock stands still or goes back", () => {
  const times = [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 1_699_999_999_000, 1_700_000_000_002];
  const newId = createRequestIds("3f9a", () => times.shift() ?? 1_700_000_000_003);
  const ids = Array.from({ length: 50_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  expect(ids.every((id) => /^[\x20-\x7E]{1,128}$/.test(id))).toBe(true);
});

it("two starts in the same millisecond give different ones", () => {
  const [one, other] = ["a", "b"].map((origin) => createRequestIds(origin, () => 1_700_000_000_000)());
  expect(one).not.toBe(other);
});
