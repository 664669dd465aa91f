// kill -9 while webhooks are being answered: every decision and event that was answered is there afterwards.
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { startGatehouse, testApp } from "../gatehouse.ts";
import { startGatehouseProcess } from "../gatehouse-process.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";

function post(agent: Agent, url: string, command: string, body: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = request(`${url}/?SdkAppid=${testApp}&CallbackCommand=${command}`, { method: "POST", agent }, (res) => {
      res.on("error", reject);
      res.resume().on("end", () => resolve(res.statusCode ?? 0));
    });
    req.on("error", reject).end(JSON.stringify(body));
  });
}

it("loses nothing that was answered", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-kill-"));
  const answered = { names: new Set<string>(), accounts: new Set<string>() };
  for (let round = 0; round < 3; round++) {
    const { child, addresses } = await startGatehouseProcess(["serve"], { GATEHOUSE_DATABASE: join(folder, "gatehouse.db") });
    const url = `http://${addresses.webhook}`;
    const agent = new Agent({ keepAlive: true, maxSockets: 32 });
    const target = answered.names.size + 300 + Math.floor(Math.random() * 300);
    let n = 0;
    const client = async () => {
      for (;;) {
        const id = `${round}-${n++}`;
        if ((await post(agent, url, beforeCreate, { Operator_Account: "a", Owner_Account: "a", Name: id })) === 200) answered.names.add(id);
        if ((await post(agent, url, afterCreate, { Official_Account: id, Owner_Account: "a", Name: id })) === 200)
          answered.accounts.add(id);
        if (answered.names.size >= target) child.kill("SIGKILL");
      }
    };
    await Promise.allSettled(Array.from({ length: 32 }, client));
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    agent.destroy();
  }
  await using gatehouse = await startGatehouse({ folder });
  const decisions = createClient(DecisionService, gatehouse.server.localDoor);
  const accounts = createClient(AccountService, gatehouse.server.localDoor);
  const names: string[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await decisions.listDecisions({ pageSize: 1000, pageToken });
    names.push(...page.decisions.map(({ action }) => (action.case === "createAccount" ? action.value.name : "")));
    pageToken = page.nextPageToken;
  }
  const found = new Set<string>();
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await accounts.listAccounts({ pageSize: 1000, pageToken });
    for (const { accountId } of page.accounts) found.add(accountId);
    pageToken = page.nextPageToken;
  }
  expect(answered.names.size).toBeGreaterThan(900);
  expect([...answered.names].filter((name) => !names.includes(name))).toEqual([]);
  expect([...answered.accounts].filter((id) => !found.has(id))).toEqual([]);
  expect(names.length).toBe(new Set(names).size);
}, 60_000);
