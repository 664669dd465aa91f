// What operators see of retention: what is old goes, what names it says so, and an export has it all.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { gatehouse } from "../cli/harness.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const dayMs = 86_400_000;
const policy = `name: kept
default: { create_account: allow, add_subscribers: allow }
rules:
  - { id: reserved, on: [create_account], when: name == "Bank", then: { deny: { code: 120002 } } }
`;

async function ask(service: TestGatehouse, name: string): Promise<void> {
  await service.post("OfficialAccount.CallbackBeforeCreateOfficialAccount", { Operator_Account: "ann", Owner_Account: "ann", Name: name });
}

test("decisions and events go by age and class, accounts stay, cursors of before are refused, and the export has everything", async () => {
  const startMs = Date.now();
  const first = await startGatehouse({ policy, now: () => startMs });
  const { folder } = first;
  await ask(first, "News");
  await ask(first, "Bank");
  await first.post("OfficialAccount.CallbackAfterCreateOfficialAccount", {
    Official_Account: "@a",
    Operator_Account: "ann",
    Owner_Account: "ann",
    Name: "News",
  });
  const output = join(folder, "old.ndjson");
  const exported = await gatehouse([
    "export",
    "--output",
    output,
    "--before",
    new Date(startMs + 1).toISOString(),
    "--server",
    first.apiUrl,
  ]);
  expect(exported).toMatchObject({
    code: 0,
    stdout: `Everything from before ${new Date(startMs + 1).toISOString()} is in ${output}, and can be deleted.\n`,
  });
  const lines = readFileSync(output, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map((line) => Object.keys(line).find((key) => !key.startsWith("cursor") && key !== "changeTime"))).toEqual([
    "activation",
    "decision",
    "decision",
    "event",
  ]);
  await first.server.stop(0);

  const days = {
    GATEHOUSE_RETENTION_DECISIONS_DAYS: "30",
    GATEHOUSE_RETENTION_FLAGGED_DECISIONS_DAYS: "90",
    GATEHOUSE_RETENTION_EVENTS_DAYS: "30",
  };
  await using second = await startGatehouse({ policy, folder, env: days, now: () => startMs + 31 * dayMs });
  await vi.waitFor(() => expect(second.log.join("")).toContain("what is older than it is kept was deleted"), 20_000);
  expect(second.log.find((line) => line.includes("older than it is kept"))).toContain(
    '"deleted":{"allowedDecisions":1,"flaggedDecisions":0,"subscriptionEvents":0,"messageEvents":0,"accountEvents":1}',
  );
  const metrics = await (await fetch(`${second.apiUrl}/metrics`)).text();
  expect(metrics).toContain('gatehouse_retention_deleted_total{kind="allowed_decisions"} 1');
  expect(metrics).toContain('gatehouse_retention_deleted_total{kind="account_events"} 1');
  expect(metrics).toMatch(/gatehouse_retention_batch_seconds_count \d/);

  for (const [name, transport] of Object.entries(rpcTransports)) {
    const door = transport(second);
    const { decisions } = await createClient(DecisionService, door).listDecisions({});
    expect(
      decisions.map(({ code }) => code),
      name,
    ).toEqual([120002]);
    const { account } = await createClient(AccountService, door).getAccount({ appId: testApp, accountId: "@a" });
    expect(account?.owner, name).toBe("ann");
    const feed = createClient(FeedService, door);
    expect((await failureOf(feed.listChanges({ cursor: lines[0].cursor }))).reason, name).toBe("CURSOR_EXPIRED");
    expect((await feed.listChanges({ start: FeedStart.BEGINNING })).changes, name).toEqual([]);
  }
  await ask(second, "More");
  const again = await gatehouse(["export", "--output", output, "--days", "1", "--app", String(testApp), "--server", second.apiUrl]);
  expect(again.code).toBe(0);
});

test("export asks for sensible flags", async () => {
  expect(await gatehouse(["export"])).toMatchObject({ code: 2, stderr: expect.stringContaining("export needs --output FILE") });
  const both = await gatehouse(["export", "--output", "x", "--days", "1", "--before", "1d"]);
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("--days or --before, not both") });
  const none = await gatehouse(["export", "--output", "x", "--days", "0"]);
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("--days must be a whole number from 1") });
});
