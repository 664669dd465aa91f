// Policies that are good.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { compilePolicy } from "../../src/policy/compile.ts";

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
    expect(policy?.lists).toEqual([
      { name: "staff", kind: ListKind.EXACT },
      { name: "banned_operators", kind: ListKind.EXACT },
      { name: "banned_users", kind: ListKind.EXACT },
      { name: "reserved_names", kind: ListKind.PATTERN },
      { name: "banned_words", kind: ListKind.PATTERN },
    ]);
  });
});
