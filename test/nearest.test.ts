// Slips of the fingers, and what was meant.
import { expect, it } from "vitest";
import { didYouMean, nearest } from "../src/nearest.ts";

it.each([
  ["sned", "send"],
  ["lsits", "lists"],
  ["Send", "send"],
  ["sendd", "send"],
  ["zzzz", undefined],
  ["", undefined],
])("%j is taken for %j", (name, meant) => {
  expect(nearest(name, ["serve", "send", "lists"])).toBe(meant);
});

it("is asked as a question, or not at all", () => {
  expect(didYouMean("sned", ["send"])).toBe(' Did you mean "send"?');
  expect(didYouMean("zzzz", ["send"])).toBe("");
});
