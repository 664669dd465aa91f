// Policies that take long to read: whatever comes by RPC, webhooks are answered meanwhile, and it ends in a clear answer.
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";

const largePolicy = `name: large\nrules:\n${Array.from(
  { length: 1000 },
  (_, i) => `  - { id: r${i}, on: [create_account, add_subscribers], when: operator == "u${i}", then: { flag: {} } }\n`,
).join("")}`;

const hostile: [name: string, text: string, problem: RegExp][] = [
  ["lists within lists", "[".repeat(1_000_000), /nested too deeply here/],
  ["anchors", "- &a x\n".repeat(140_000), /more than 1000 anchors/],
  ["items", `rules: [${"a,".repeat(500_000)}]`, /more than 200000 words/],
];

test("webhooks are answered by the policy while large ones are compiled", async () => {
  await using gatehouse = await startGatehouse();
  const policies = createClient(PolicyService, gatehouse.server.localDoor);
  let checking = true;
  const checks = Promise.all(
    Array.from({ length: 4 }, async () => {
      const { problems, version } = await policies.checkPolicy({ text: largePolicy });
      expect(problems).toEqual([]);
      expect(version).not.toBe("");
    }),
  ).finally(() => {
    checking = false;
  });
  const body = { Operator_Account: "ann", Owner_Account: "ann", Name: "My channel" };
  for (let i = 0; i < 5; i++) {
    const { answer } = await gatehouse.post("OfficialAccount.CallbackBeforeCreateOfficialAccount", body);
    expect(answer).toMatchObject({ ErrorCode: 0 });
  }
  expect(checking).toBe(true);
  await checks;
  const { policy } = await policies.publishPolicy({ text: largePolicy });
  expect(policy?.name).toBe("large");
});

test.each(Object.entries(rpcTransports))("a hostile text is told what is wrong with it, by %s", async (_name, transport) => {
  await using gatehouse = await startGatehouse();
  const policies = createClient(PolicyService, transport(gatehouse));
  for (const [, text, problem] of hostile) {
    const { problems } = await policies.checkPolicy({ text });
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(problem)]);
    await expect(policies.publishPolicy({ text })).rejects.toThrow(problem);
  }
});
