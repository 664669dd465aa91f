// Another process takes the database for some seconds.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startGatehouse } from "../../gatehouse.ts";
import { expectKept, healthy, metric, playChat } from "./chat.ts";

/** Holds the database until its standard input ends. */
const holder = `
import Database from "better-sqlite3";
const db = new Database(process.argv[1]);
db.pragma("busy_timeout = 20000");
db.exec("BEGIN EXCLUSIVE");
process.stdout.write("held");
process.stdin.resume().on("end", () => process.exit(0));
`;

it("webhooks are answered, nothing that was acknowledged is lost, and it heals, also when the holder is killed", async () => {
  await using gatehouse = await startGatehouse();
  const { webhookUrl, apiUrl, folder, log } = gatehouse;
  const chat = playChat(webhookUrl);
  for (const end of ["in peace", "by SIGKILL"]) {
    await chat.moreAcknowledged(20);
    const child = spawn(process.execPath, ["--input-type=module", "-e", holder, join(folder, "gatehouse.db")]);
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    const refusedBefore = chat.refused();
    const beginMs = performance.now();
    while (performance.now() - beginMs < 3000) await chat.more(10);
    expect(chat.refused()).toBeGreaterThan(refusedBefore);
    expect(await metric(apiUrl, "gatehouse_store_up")).toBe(0);
    if (end === "in peace") child.stdin.end();
    else child.kill("SIGKILL");
    await exited;
    await healthy(apiUrl);
  }
  await chat.moreAcknowledged(20);
  expect(await chat.stop()).toEqual([]);
  await expectKept(apiUrl, chat);
  expect(await metric(apiUrl, 'gatehouse_store_failures_total{cause="locked"}')).toBeGreaterThan(0);
  expect(log.filter((line) => line.includes("Another process holds the database"))).toHaveLength(2);
  expect(log.filter((line) => line.includes("The store works again."))).toHaveLength(2);
}, 90_000);
