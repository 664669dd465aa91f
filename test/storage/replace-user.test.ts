// Where an id is replaced by a pseudonym, and where it is left.
import { describe, expect, it } from "vitest";
import { createReplaceUser } from "../../src/storage/replace-user.ts";

const replace = createReplaceUser("ann", "X");

describe("in texts", () => {
  it.each([
    ["ann", "X"],
    ["ann is banned", "X is banned"],
    ['Not you, "ann".', 'Not you, "X".'],
    ["ann, ann; (ann)", "X, X; (X)"],
    ["Ann anna joann ann_1", "Ann anna joann ann_1"],
    ["ann-marie ann.b x@ann #ann", "ann-marie ann.b x@ann #X"],
    ["", ""],
  ])("%j becomes %j", (text, expected) => expect(replace.inText(text)).toBe(expected));
});

it("in keys it is replaced wherever it stands apart from letters and digits", () => {
  expect(replace.inKey("create-ann-1:ann anna")).toBe("create-X-1:X anna");
});

it("alone it is replaced only as a whole", () => {
  expect([replace.whole("ann"), replace.whole("ann "), replace.whole("Ann")]).toEqual(["X", "ann ", "Ann"]);
});

it("takes every character of an id as it is, and so those of a pseudonym", () => {
  const odd = createReplaceUser("a.*(b)$^[x]|\\/-{2}?+", "$&");
  expect(odd.inText("is a.*(b)$^[x]|\\/-{2}?+ here")).toBe("is $& here");
  expect(odd.inKey("a.*(b)$^[x]|\\/-{2}?+")).toBe("$&");
  expect(odd.inText("axb")).toBe("axb");
});

it("in JSON it replaces ids in their fields, and in texts, and leaves what people have written", () => {
  expect(replace.inJson("")).toBe("");
  const json = {
    createAccount: { operator: "ann", owner: "ann-marie", name: "ann" },
    addSubscribers: { accountId: "ann", subscribers: ["ann", "ann ", "bob"] },
    sendMessage: { elements: [{ text: { text: "ann" } }], customData: "ann" },
    matches: [{ message: "ann is", labels: { team: "ann" } }],
    facts: [{ function: "rate", arguments: ["ann", "1h"], value: "ann" }],
    code: 7,
    degraded: true,
    none: null,
  };
  expect(JSON.parse(replace.inJson(JSON.stringify(json)))).toEqual({
    ...json,
    createAccount: { operator: "X", owner: "ann-marie", name: "ann" },
    addSubscribers: { accountId: "ann", subscribers: ["X", "ann ", "bob"] },
    matches: [{ message: "X is", labels: { team: "X" } }],
    facts: [{ function: "rate", arguments: ["X", "1h"], value: "X" }],
  });
});
