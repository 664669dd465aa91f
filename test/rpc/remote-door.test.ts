// The remote door to services that come, go and say that they do not serve; what every door does is in doors.test.ts and streams.test.ts.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { DecideRequestSchema, ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { serve } from "../../src/rpc/implementation.ts";
import { createRemoteDoor, type RemoteDoor, type RemoteDoorOptions } from "../../src/rpc/remote-door.ts";
import { type OpenDoors, openDoors } from "./doors.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A replica that answers with its name and keeps the authorization it was shown. */
async function openReplica(name: string, grpcPort = 0): Promise<OpenDoors & { shown: (string | null)[] }> {
  const shown: (string | null)[] = [];
  const implementation = serve(ModerationService, {
    decide: async (_request, { header }) => {
      shown.push(header.get("authorization"));
      return { decision: { decisionId: name } };
    },
    record: async () => ({ eventId: name }),
    recordBatch: async () => ({}),
    recordFallback: async () => ({}),
  });
  const replica = await openDoors([implementation], undefined, grpcPort);
  closers.push(replica.close);
  return { ...replica, shown };
}

function openDoor(options: RemoteDoorOptions): RemoteDoor {
  const door = createRemoteDoor(options);
  closers.push(door.close);
  return door;
}

async function decideAt({ transport }: RemoteDoor, timeoutMs = 5_000): Promise<string | undefined> {
  const request = create(DecideRequestSchema, { appId: 1, action: { case: "createAccount", value: { name: "x" } } });
  return (await createClient(ModerationService, transport).decide(request, { timeoutMs })).decision?.decisionId;
}

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error === undefined ? undefined : ConnectError.from(error).code;
}

describe("the remote door", () => {
  it("goes round the replicas, and does without one that has gone", async () => {
    const [a, b] = [await openReplica("a"), await openReplica("b")];
    const door = openDoor({ target: `ipv4:${a.grpcAddress},${b.grpcAddress}` });
    const asked = new Set<string | undefined>();
    while (asked.size < 2) asked.add(await decideAt(door));
    await a.close();
    for (let i = 0; i < 10; i++) expect(await decideAt(door)).toBe("b");
  });

  it("says UNAVAILABLE when nobody is there, and finds the service when it comes", async () => {
    const first = await openReplica("first");
    const { port } = new URL(`http://${first.grpcAddress}`);
    const door = openDoor({ target: `dns:///127.0.0.1:${port}` });
    expect(await decideAt(door)).toBe("first");
    await first.close();
    expect(await codeOf(decideAt(door))).toBe(Code.Unavailable);
    expect(await codeOf(door.check(1_000))).toBe(Code.Unavailable);
    await openReplica("second", Number(port));
    await expect.poll(() => decideAt(door).catch(() => undefined), { timeout: 10_000 }).toBe("second");
  });

  it("tells whether the service says that it serves", async () => {
    const replica = await openReplica("a");
    const door = openDoor({ target: replica.grpcAddress });
    expect(await codeOf(door.check(1_000))).toBe(Code.Unavailable);
    replica.grpcDoor.setServing(true);
    expect(await codeOf(door.check(1_000))).toBeUndefined();
  });

  it("shows its key with every call", async () => {
    const replica = await openReplica("a");
    await decideAt(openDoor({ target: replica.grpcAddress, apiKey: "gh_test" }));
    await decideAt(openDoor({ target: replica.grpcAddress }));
    expect(replica.shown).toEqual(["Bearer gh_test", null]);
  });

  it("has no time left at the deadline", async () => {
    const replica = await openReplica("a");
    const door = openDoor({ target: replica.grpcAddress });
    expect(await codeOf(decideAt(door, 0))).toBe(Code.DeadlineExceeded);
    expect(replica.shown).toEqual([]);
  });
});
