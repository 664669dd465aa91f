// `gatehouse spool`: what was refused is shown, and is delivered again when that is wanted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { openSpool } from "../../src/spool/spool.ts";
import { gatehouse, nowMs } from "./harness.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-spool-command-"));
  file = join(folder, "spool.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => openSpool({ path: file, maxBytes: 2 ** 20, now: () => nowMs + 1_000, onTrouble: () => undefined });

/** A spool with two events that wait and one that was refused, held by nobody. */
async function leaveSpool(): Promise<void> {
  const spool = await open();
  for (const accountId of ["a", "b", "c"]) {
    const event = { case: "accountCreated" as const, value: { accountId, name: "n" } };
    const body = toBinary(RecordRequestSchema, create(RecordRequestSchema, { appId: 5, event }));
    await spool.append({ kind: "event", timeMs: nowMs, body });
  }
  await spool.settle([], [{ seq: 2, reason: "UNKNOWN_APP", message: "App 5 is not \u001b[31mconfigured here." }]);
  await spool.close();
}

describe("gatehouse spool", () => {
  it("lists what was refused, and says how much waits", async () => {
    await leaveSpool();
    const { code, stdout, stderr } = await gatehouse(["spool", "list", "--file", file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^NUMBER +KIND +ARRIVED +REASON +MESSAGE\n2 +event +2022-12-09T08:26:54\.123Z +UNKNOWN_APP +App 5 is not \\x1b/);
    expect(stderr).toBe("gatehouse: 1 refused, 2 waiting for the service, the oldest since 2022-12-09T08:26:54.123Z\n");
  });

  it("shows the requests as JSON, also while the gateway runs", async () => {
    await leaveSpool();
    const running = await open();
    const { stdout } = await gatehouse(["spool", "list", "--json"], { GATEHOUSE_SPOOL: file });
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        seq: 2,
        kind: "event",
        reason: "UNKNOWN_APP",
        message: "App 5 is not \u001b[31mconfigured here.",
        receiveTime: "2022-12-09T08:26:54.123Z",
        refuseTime: "2022-12-09T08:26:55.123Z",
        request: { appId: 5, accountCreated: { accountId: "b", name: "n" } },
      },
    ]);
    expect((await gatehouse(["spool", "retry", "--file", file])).stderr).toContain("is in use by another Gatehouse: stop that one first");
    await running.close();
  });

  it("lets what was refused wait again, after the rest", async () => {
    await leaveSpool();
    expect((await gatehouse(["spool", "retry", "--file", file])).stderr).toBe(
      "gatehouse: 1 will be delivered again when the gateway runs\n",
    );
    const spool = await open();
    expect((await spool.read(10, 1_000)).map(({ seq }) => seq)).toEqual([1, 3, 4]);
    await spool.close();
  });

  it("says when there is no spool", async () => {
    expect(await gatehouse(["spool", "list", "--file", file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no spool"),
    });
  });
});
