// Behaviour cases, each run through every door: the same action gets the same answer and leaves the same decision.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { type Answer, type CaseAction, doors } from "./doors.ts";

const lists = {
  staff: ["boss"],
  banned_operators: ["mallory"],
  banned_users: ["jared", "kim"],
  reserved_names: ["Official News"],
};

const allow: Answer = { verdict: "allow", code: 0, message: "", refused: [] };
const cases: { name: string; action: CaseAction; want: Answer; rules: string[] }[] = [
  { name: "an ordinary creation", action: { operator: "ann", owner: "ann", name: "Ann's" }, want: allow, rules: [] },
  { name: "a creation by nobody in particular", action: { name: "x" }, want: allow, rules: [] },
  {
    name: "a creation by a banned operator",
    action: { operator: "mallory", owner: "ann", name: "x" },
    want: { verdict: "deny", code: 120001, message: "You may not create official accounts.", refused: [] },
    rules: ["banned-operator"],
  },
  {
    name: "a creation for a banned owner",
    action: { operator: "ann", owner: "mallory", name: "x" },
    want: { verdict: "deny", code: 120001, message: "You may not create official accounts.", refused: [] },
    rules: ["banned-operator"],
  },
  {
    name: "a reserved name",
    action: { operator: "ann", owner: "ann", name: "Official News" },
    want: { verdict: "deny", code: 120002, message: "This name is reserved.", refused: [] },
    rules: ["reserved-name"],
  },
  { name: "a reserved name for staff", action: { operator: "boss", owner: "ann", name: "Official News" }, want: allow, rules: ["staff"] },
  { name: "a name of 40 characters, 120 bytes", action: { operator: "ann", name: "公".repeat(40) }, want: allow, rules: [] },
  {
    name: "a name of 41 characters",
    action: { operator: "ann", name: "公".repeat(41) },
    want: { verdict: "deny", code: 120003, message: "A name has at most 40 characters.", refused: [] },
    rules: ["name-length"],
  },
  { name: "subscribers who are all welcome", action: { account_id: "@TOA#_a", subscribers: ["leckie"] }, want: allow, rules: [] },
  {
    name: "subscribers of whom some are banned",
    action: { account_id: "#TOA#_123", operator: "ann", subscribers: ["kim", "leckie", "jared"] },
    want: { ...allow, refused: ["kim", "jared"] },
    rules: ["banned-user", "banned-user"],
  },
];

let gatehouse: TestGatehouse;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  const client = createClient(ListService, gatehouse.server.localDoor);
  for (const [list, values] of Object.entries(lists)) await client.addEntries({ list, entries: values.map((value) => ({ value })) });
});
afterAll(() => gatehouse[Symbol.asyncDispose]());

describe.each(cases)("$name", ({ action, want, rules }) => {
  it.each(doors)("through $name", async (door) => {
    const { answer, recorded } = await door.decide(gatehouse, action);
    expect(answer).toEqual(want);
    const matches = (recorded as { matches?: { rule: string }[] }).matches ?? [];
    expect(matches.map((match) => match.rule)).toEqual(rules);
  });

  it("leaves the same decision through every door", async () => {
    const left = [];
    for (const door of doors) left.push((await door.decide(gatehouse, action)).recorded);
    for (const one of left) expect(one).toEqual(left[0]);
  });
});
