// The disk refuses writes for a while: full, or a file that cannot grow.
import { expect, it, vi } from "vitest";
import { expectKept, healthy, metric, playChat } from "./chat.ts";
import { limitedDisks } from "./limited-disk.ts";

it.each(limitedDisks)(
  "on $name webhooks are answered, nothing that was acknowledged is lost, and it heals",
  async ({ cause, start }) => {
    await using service = await start();
    const { webhookUrl, apiUrl, log } = service;
    const chat = playChat(webhookUrl);
    await chat.moreAcknowledged(50);
    expect(chat.refused()).toBe(0);

    service.refuseWrites();
    await vi.waitUntil(async () => (await metric(apiUrl, "gatehouse_store_up")) === 0, { timeout: 20_000, interval: 50 });
    await chat.more(50);
    expect(chat.refused()).toBeGreaterThan(0);
    expect(await metric(apiUrl, `gatehouse_store_failures_total{cause="${cause}"}`)).toBeGreaterThan(0);
    const readyz = await fetch(`${apiUrl}/readyz`);
    expect(readyz.status).toBe(503);
    expect((await fetch(`${webhookUrl}/healthz`)).status).toBe(200);

    service.acceptWrites();
    await healthy(apiUrl);
    await chat.moreAcknowledged(50);
    expect(await chat.stop()).toEqual([]);
    await expectKept(apiUrl, chat);
    const lines = log.map((line) => JSON.parse(line) as { cause?: string; msg: string });
    expect(lines.filter((line) => line.cause === cause && line.msg.startsWith("The store fails."))).toHaveLength(1);
    expect(lines.filter(({ msg }) => msg === "The store works again.")).toHaveLength(1);
  },
  90_000,
);
