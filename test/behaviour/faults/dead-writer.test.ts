// The writer thread dies, again and again, while it writes.
import type { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { startGatehouse } from "../../gatehouse.ts";
import { expectKept, healthy, metric, playChat } from "./chat.ts";

it("webhooks are answered, nothing that was acknowledged is lost, and a new thread goes on", async () => {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => void threads.push(worker);
  process.on("worker", onWorker);
  try {
    await using gatehouse = await startGatehouse();
    const { webhookUrl, apiUrl, log } = gatehouse;
    const chat = playChat(webhookUrl);
    for (let death = 0; death < 5; death += 1) {
      await chat.moreAcknowledged(20);
      await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
    }
    await chat.moreAcknowledged(20);
    await healthy(apiUrl);
    expect(await chat.stop()).toEqual([]);
    await expectKept(apiUrl, chat);
    expect(log.filter((line) => line.includes("The writer thread died")).length).toBeGreaterThan(0);
    expect(await metric(apiUrl, "gatehouse_store_up")).toBe(1);
  } finally {
    process.off("worker", onWorker);
  }
}, 90_000);
