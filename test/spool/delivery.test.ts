// What the spool holds reaches the service in order and once, whatever calls fail on the way.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ModerationService, RecordFallbackRequestSchema, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { serve } from "../../src/rpc/implementation.ts";
import { createInterceptors } from "../../src/rpc/interceptors.ts";
import { createLocalDoor } from "../../src/rpc/local-door.ts";
import { fromWireError } from "../../src/rpc/wire-error.ts";
import { type Delivery, startDelivery } from "../../src/spool/delivery.ts";
import { failureOf } from "../../src/spool/failures.ts";
import { openSpool, type Spool } from "../../src/spool/spool.ts";
import type { RefusedItem, SpoolItem, SpoolKind } from "../../src/spool/spool-file.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";

const otherApp = 1400000001;

function eventItem(accountId: string, appId = testApp): SpoolItem {
  const event = { case: "accountCreated" as const, value: { accountId, owner: "a", name: accountId } };
  return { kind: "event", timeMs: 1, body: toBinary(RecordRequestSchema, create(RecordRequestSchema, { appId, event })) };
}

function fallbackItem(name: string): SpoolItem {
  const action = { case: "createAccount" as const, value: { owner: "a", name } };
  const request = create(RecordFallbackRequestSchema, {
    request: { appId: testApp, requestId: name, action },
    answered: Verdict.ALLOW,
    cause: DegradedCause.UNAVAILABLE,
  });
  return { kind: "fallback", timeMs: 1, body: toBinary(RecordFallbackRequestSchema, request) };
}

/** How a call goes: it is answered, it does not arrive, or its answer is lost. */
type Fate = "answered" | "lost" | "answer lost";

/** A network on which each call has the next fate; when there is none left, every call is answered. */
function shakyTransport(transport: Transport, fates: Fate[]): Transport {
  return {
    ...transport,
    async unary(...call) {
      const fate = fates.shift() ?? "answered";
      const gone = new ConnectError("gone", Code.Unavailable);
      if (fate === "lost") throw gone;
      const answer = await transport.unary(...call);
      if (fate === "answer lost") throw gone;
      return answer;
    },
  };
}

interface Setting extends AsyncDisposable {
  spool: Spool;
  refused: { kind: SpoolKind; refused: RefusedItem }[];
  delivered: Record<SpoolKind, number>;
  failed: number;
  deliver(client: Client<typeof ModerationService>): Delivery;
  drained(): Promise<void>;
}

async function openSetting(): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-delivery-"));
  const spool = await openSpool({ path: join(folder, "spool.db"), maxBytes: 2 ** 24, now: Date.now, onTrouble: () => undefined });
  let delivery: Delivery | undefined;
  const setting: Setting = {
    spool,
    refused: [],
    delivered: { event: 0, fallback: 0 },
    failed: 0,
    deliver(client) {
      delivery = startDelivery({
        spool,
        client,
        failureOf: (error) => failureOf(fromWireError(error)),
        onDelivered: (kind, count) => {
          setting.delivered[kind] += count;
        },
        onRefused: (kind, refused) => setting.refused.push({ kind, refused }),
        onFailed: () => {
          setting.failed++;
        },
      });
      return delivery;
    },
    drained: () => expect.poll(() => spool.totals().pending, { timeout: 15_000, interval: 5 }).toBe(0),
    async [Symbol.asyncDispose]() {
      await delivery?.stop(0);
      await spool.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return setting;
}

/** The accounts that were created and the names that were decided on, in the order of the feed. */
async function feedOf({ server }: TestGatehouse): Promise<string[]> {
  const client = createClient(FeedService, server.localDoor);
  const found: string[] = [];
  for (let cursor = "", more = true; more; ) {
    const page = await client.listChanges({ cursor, pageSize: 1000 });
    for (const { change } of page.changes) {
      if (change.case === "event" && change.value.event.case === "accountCreated") found.push(change.value.event.value.accountId);
      if (change.case === "decision" && change.value.action.case === "createAccount") found.push(change.value.action.value.name);
    }
    cursor = page.cursor;
    more = page.hasMore;
  }
  return found;
}

describe("delivery", () => {
  it("brings every event once and in order, and every fallback before later events, whatever is lost on the way", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_APPS: `${testApp},${otherApp}` } });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<Fate>("answered", "lost", "answer lost"), { maxLength: 10 }),
        fc.array(fc.constantFrom("event", "fallback", "other"), { minLength: 1, maxLength: 40 }),
        async (fates, kinds) => {
          await using setting = await openSetting();
          const prefix = `${round++}-`;
          const names = kinds.map((kind, n) => `${prefix}${kind}-${n}`);
          setting.deliver(createClient(ModerationService, shakyTransport(gatehouse.server.localDoor, fates)));
          for (const [n, kind] of kinds.entries()) {
            const name = names[n] ?? "";
            const item = kind === "fallback" ? fallbackItem(name) : eventItem(name, kind === "other" ? otherApp : testApp);
            expect(await setting.spool.append(item)).toBe("kept");
          }
          await setting.drained();
          const found = (await feedOf(gatehouse)).filter((name) => name.startsWith(prefix));
          expect([...found].sort()).toEqual([...names].sort());
          const only = (list: readonly string[], kind: string) => list.filter((name) => name.includes(kind));
          for (const kind of ["event", "other"]) expect(only(found, kind)).toEqual(only(names, kind));
          for (const [n, name] of names.entries()) {
            if (!name.includes("fallback")) continue;
            for (const later of names.slice(n).filter((candidate) => !candidate.includes("fallback"))) {
              expect(found.indexOf(name)).toBeLessThan(found.indexOf(later));
            }
          }
          expect(setting.refused).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it("sets aside what the service refuses for good, and brings the rest in order", async () => {
    await using gatehouse = await startGatehouse();
    await using setting = await openSetting();
    const items = [eventItem("a"), eventItem("x".repeat(49)), eventItem("b"), fallbackItem("n"), eventItem("c", otherApp), eventItem("d")];
    for (const item of items) await setting.spool.append(item);
    setting.deliver(createClient(ModerationService, gatehouse.server.localDoor));
    await setting.drained();
    expect(await feedOf(gatehouse)).toEqual(["n", "a", "b", "d"]);
    expect(setting.refused).toMatchObject([
      { kind: "event", refused: { seq: 2, reason: "INVALID_REQUEST" } },
      { kind: "event", refused: { seq: 5, reason: "UNKNOWN_APP" } },
    ]);
    expect(setting.delivered).toEqual({ event: 3, fallback: 1 });
    expect(setting.spool.totals()).toMatchObject({ refused: 2 });
  });

  it("does not stumble for ever over what the service stumbles over", async () => {
    await using gatehouse = await startGatehouse();
    await using setting = await openSetting();
    const transport: Transport = {
      ...gatehouse.server.localDoor,
      unary(method, signal, timeoutMs, header, input, values) {
        const isPoison = JSON.stringify(input, (_, value) => (typeof value === "bigint" ? String(value) : value)).includes("poison");
        const target = isPoison ? brokenDoor : gatehouse.server.localDoor;
        return target.unary(method, signal, timeoutMs, header, input, values);
      },
    };
    for (const name of ["a", "poison", "b"]) await setting.spool.append(eventItem(name));
    setting.deliver(createClient(ModerationService, transport));
    await setting.drained();
    expect(await feedOf(gatehouse)).toEqual(["a", "b"]);
    expect(setting.refused).toMatchObject([{ refused: { seq: 2, reason: "INTERNAL" } }]);
  });

  it("stops when nobody is there, and leaves the rest for the next time", async () => {
    await using gatehouse = await startGatehouse();
    await using setting = await openSetting();
    await setting.spool.append(eventItem("a"));
    const away = createClient(ModerationService, shakyTransport(gatehouse.server.localDoor, Array(1000).fill("lost")));
    const delivery = setting.deliver(away);
    await expect.poll(() => setting.failed).toBeGreaterThan(1);
    await delivery.stop(60_000);
    expect(setting.spool.totals().pending).toBe(1);
    setting.deliver(createClient(ModerationService, gatehouse.server.localDoor));
    await setting.drained();
    expect(await feedOf(gatehouse)).toEqual(["a"]);
  });

  it("brings what it can before it stops", async () => {
    await using gatehouse = await startGatehouse();
    await using setting = await openSetting();
    const names = Array.from({ length: 1_200 }, (_, n) => `a${n}`);
    await Promise.all(names.map((name) => setting.spool.append(eventItem(name))));
    await setting.deliver(createClient(ModerationService, gatehouse.server.localDoor)).stop(60_000);
    expect(setting.spool.totals().pending).toBe(0);
    expect(await feedOf(gatehouse)).toEqual(names);
  });
});

/** A service with a mistake. */
const brokenDoor = createLocalDoor({
  services: [
    serve(ModerationService, {
      decide: fail,
      record: fail,
      recordBatch: fail,
      recordFallback: fail,
    }),
  ],
  interceptors: createInterceptors({ onCall: () => undefined, onInternalError: () => undefined }),
});

function fail(): never {
  throw new Error("a mistake");
}
