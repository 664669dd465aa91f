// Policies that are wrong, and what is said of them.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../src/policy/compile.ts";
import { maxPolicyLength } from "../../src/policy/document.ts";
import { formatProblems } from "../../src/policy/problems.ts";

const rule = (text: string) => `name: x\nlists: { banned: { kind: exact } }\nrules:\n  - id: a\n    on: [create_account]\n${text}`;

/** A policy's text, and every problem as it must be told. */
const wrong: [name: string, text: string, problems: string[]][] = [
  ["an empty file", "", ["p:1:1: The policy is empty. It needs at least a name, and usually rules."]],
  ["a list instead of a mapping", "- a", ["p:1:1: A policy must be a mapping with keys like name, description, lists, not a list."]],
  ["an unknown key", "name: x\nrulez: []", ['p:2:1: Unknown key "rulez". Did you mean "rules"?']],
  [
    "an unknown key that resembles none",
    "name: x\nzzz: 1",
    ['p:2:1: Unknown key "zzz". Known keys: name, description, lists, default, rules.'],
  ],
  ["no name", "rules: []", ["p:1:1: name must be at least 1 bytes."]],
  [
    "YAML that does not parse",
    "name: x\nrules: [",
    ["p:2:9: Flow sequence in block collection must be sufficiently indented and end with a ]."],
  ],
  ["a key twice", "name: x\nname: y", ["p:2:1: Map keys must be unique."]],
  ["an alias", "name: &a x\ndescription: *a", ["p:2:14: description is a YAML alias; write the value out."]],
  [
    "an unknown list kind",
    "name: x\nlists: { a: { kind: exat } }",
    ['p:2:21: lists["a"].kind must be one of exact, not "exat". Did you mean "exact"?'],
  ],
  [
    "a list name in capitals",
    "name: x\nlists: { Staff: {} }",
    ['p:2:17: lists["Staff"] does not match regex pattern `^[a-z][a-z0-9_]*$`.'],
  ],
  [
    "a default for an unknown action",
    "name: x\ndefault: { create: allow }",
    ['p:2:12: Unknown key "create" in default. Known keys: create_account, add_subscribers.'],
  ],
  [
    "a default that is no verdict",
    "name: x\ndefault: { create_account: maybe }",
    ['p:2:28: default.create_account must be one of allow, deny, discard, not "maybe".'],
  ],
  ["a rule without effect", rule("    when: name == 'a'"), ['p:4:5: rule "a": rules[0].then value is required.']],
  [
    "two effects",
    rule("    then: { allow: {}, deny: {} }"),
    ["p:6:30: rules[0].then.deny: only one of allow, deny, refuse, flag can be given."],
  ],
  [
    "an effect that the action cannot have",
    rule("    then: { refuse: {} }"),
    ['p:6:11: rule "a": create_account cannot have the effect refuse; it can have allow, deny, flag.'],
  ],
  [
    "a code below the range",
    rule("    then: { deny: { code: 120000 } }"),
    ['p:6:27: rule "a": The code 120000 would not reach the client; use 1 or a code from 120001 to 130000.'],
  ],
  [
    "a code above the range",
    rule("    then: { deny: { code: 130001 } }"),
    ['p:6:27: rule "a": The code 130001 would not reach the client; use 1 or a code from 120001 to 130000.'],
  ],
  ["a code in words", rule("    then: { deny: { code: many } }"), ['p:6:27: rules[0].then.deny.code must be a whole number, not "many".']],
  [
    "a message that is a number",
    rule("    then: { deny: { message: 12 } }"),
    ['p:6:30: rules[0].then.deny.message must be text, not the number "12". Put it in quotes: "12".'],
  ],
  [
    "an unknown action",
    "name: x\nrules:\n  - id: a\n    on: [create_acount]\n    then: { flag: {} }",
    ['p:4:10: rule "a": There is no action "create_acount". Did you mean "create_account"?'],
  ],
  [
    "no action",
    "name: x\nrules:\n  - id: a\n    on: []\n    then: { flag: {} }",
    ['p:4:9: rule "a": rules[0].on must contain at least 1 item(s).'],
  ],
  [
    "an id twice",
    `${rule("    then: { flag: {} }")}\n  - id: a\n    on: [create_account]\n    then: { flag: {} }`,
    ['p:7:9: rule "a": Another rule has this id already, on line 4.'],
  ],
  [
    "an id with a space",
    "name: x\nrules:\n  - id: a b\n    on: [create_account]\n    then: { flag: {} }",
    ['p:3:9: rule "a b": rules[0].id does not match regex pattern `^[A-Za-z0-9][A-Za-z0-9._-]*$`.'],
  ],
  [
    "an unknown field",
    rule("    when: nam == 'a'\n    then: { flag: {} }"),
    ['p:6:11: rule "a": There is no field "nam" here. Did you mean "name"?'],
  ],
  [
    "a field of another action",
    rule("    when: subscriber == 'a'\n    then: { flag: {} }"),
    ['p:6:11: rule "a": There is no field "subscriber" here. There are: app_id, client_ip, platform, now, operator, owner, name, inList.'],
  ],
  ["a type that does not fit", rule("    when: name > 3\n    then: { flag: {} }"), ['p:6:11: rule "a": No such overload: string > int.']],
  [
    "a condition that is no bool",
    rule("    when: name\n    then: { flag: {} }"),
    ['p:6:11: rule "a": A condition must be true or false; this one is a string.'],
  ],
  ["a condition that breaks off", rule("    when: name ==\n    then: { flag: {} }"), ['p:6:18: rule "a": Unexpected token: EOF.']],
  [
    "an unknown function",
    rule("    when: inlist(name, 'banned')\n    then: { flag: {} }"),
    ['p:6:11: rule "a": Found no matching overload for \'inlist(string, string)\'. Did you mean "inList"?'],
  ],
  [
    "a missing argument",
    rule("    when: inList(name)\n    then: { flag: {} }"),
    ["p:6:11: rule \"a\": Found no matching overload for 'inList(string)'. It is inList(string, string): bool."],
  ],
  [
    "an undeclared list",
    rule("    when: inList(name, 'baned')\n    then: { flag: {} }"),
    ['p:6:24: rule "a": List "baned" is not declared under "lists". Did you mean "banned"?'],
  ],
  [
    "a list that is computed",
    rule("    when: inList(name, owner)\n    then: { flag: {} }"),
    ['p:6:24: rule "a": inList() takes the name of a list in quotes here, such as inList(operator, "staff").'],
  ],
  [
    "backtracking",
    rule("    when: name.matches('(a+)+$')\n    then: { flag: {} }"),
    ['p:6:11: rule "a": matches() uses a backtracking engine that a hostile name can stall; use contains(), startsWith() or endsWith().'],
  ],
  [
    "a mistake on the second line of a block",
    rule("    when: |\n      name == 'a' ||\n        size(name) > 'b'\n    then: { flag: {} }"),
    ['p:8:9: rule "a": No such overload: int > string.'],
  ],
  [
    "an unknown mode",
    rule("    mode: shadw\n    then: { flag: {} }"),
    ['p:6:11: rules[0].mode must be one of enforce, shadow, not "shadw". Did you mean "shadow"?'],
  ],
  [
    "a NUL in a message",
    rule('    then: { deny: { message: "a\\0" } }'),
    ["p:6:30: rules[0].then.deny.message has a NUL or half of a surrogate pair; neither can be kept."],
  ],
  [
    "a condition nested too deeply",
    rule(`    when: ${"(".repeat(1000)}true${")".repeat(1000)}\n    then: { flag: {} }`),
    ['p:6:61: rule "a": Exceeded maxDepth (50).'],
  ],
  [
    "a text that is too long",
    `name: ${"x".repeat(maxPolicyLength)}`,
    ["p:1:1: The policy has 1048582 characters; at most 1048576 are allowed. Move long enumerations into lists."],
  ],
  ["YAML nested too deeply", `name: ${"[".repeat(100_000)}`, ["p:1:1: The policy is nested too deeply to be read."]],
];

describe("a wrong policy", () => {
  it.each(wrong)("with %s is refused, and says why and where", (_name, text, problems) => {
    const compiled = compilePolicy(text);
    expect(compiled.policy).toBeUndefined();
    expect(formatProblems("p", compiled.problems).split("\n")).toEqual(problems);
  });

  it("tells all its problems at once", () => {
    const { problems } = compilePolicy(
      `${rule("    when: nam == ''\n    then: { deny: { code: 3 } }")}\n  - id: a\n    on: [x]\n    then: { flag: {} }`,
    );
    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [6, 11],
      [7, 27],
      [8, 9],
      [9, 10],
    ]);
  });
});

describe("a good policy", () => {
  it("is named by the SHA-256 of its text", () => {
    expect(compilePolicy("name: x\n").policy?.version).toBe("a2a79ea37edb1963efaae29281523ab441a8a99df048d204f22f3f413e325afc");
    expect(compilePolicy("name: x").policy?.version).not.toBe(compilePolicy("name: x\n").policy?.version);
  });

  it("may be written in JSON", () => {
    const text = JSON.stringify({
      name: "x",
      rules: [{ id: "a", on: ["create_account"], when: 'name == "a"', then: { deny: { code: 120001 } } }],
    });
    expect(compilePolicy(text).problems).toEqual([]);
  });

  it("is the starter policy", () => {
    const { policy, problems } = compilePolicy(readFileSync("config/policy.yaml", "utf8"));
    expect(problems).toEqual([]);
    expect(policy?.lists).toEqual(["staff", "banned_operators", "banned_users", "reserved_names"]);
  });
});
