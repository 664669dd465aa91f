// `gatehouse feed` against the real service.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { gatehouse } from "./harness.ts";

const policy =
  "name: feed\nlists:\n  staff: {}\nrules:\n  - { id: all, on: [create_account], then: { deny: { code: 120001, message: no } } }\n";

let service: TestGatehouse;
let files = 0;

beforeAll(async () => {
  service = await startGatehouse({ policy });
});
afterAll(() => service[Symbol.asyncDispose]());

const freshFile = () => join(service.folder, `feed-${files++}.ndjson`);

/** One change of each kind but the policy, which the start has set. */
async function makeChanges({ post, server }: TestGatehouse): Promise<void> {
  await post("OfficialAccount.CallbackBeforeCreateOfficialAccount", { Operator_Account: "ann", Owner_Account: "ann", Name: "New\u202e" });
  await post("OfficialAccount.CallbackAfterCreateOfficialAccount", { Official_Account: "@a", Owner_Account: "ann", Name: "News" });
  await addEntries(server, 0, 1);
}

async function addEntries(server: TestGatehouse["server"], from: number, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, i) => ({ value: `${server.api.port}-${from + i}`, reason: "why" }));
  await createClient(ListService, server.localDoor).addEntries({ list: "staff", entries, author: "ann" });
}

/** The command as a process, with what it has written so far. */
function start(args: string[], url = service.apiUrl) {
  const child: ChildProcess = spawn(process.execPath, ["src/gatehouse.js", "feed", ...args, "--server", url]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name]?.on("data", (data) => (output[name] += data));
  return {
    output,
    /** Resolves when the condition holds after some output. */
    async until(condition: () => boolean): Promise<void> {
      while (!condition())
        await Promise.race([once(child.stdout ?? child, "data"), once(child.stderr ?? child, "data"), once(child, "exit")]);
    },
    async end(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
      child.kill(signal);
      await once(child, "close");
      return child.exitCode;
    },
  };
}

const lines = (text: string) => text.split("\n").slice(0, -1);
const cursors = (text: string) => lines(text).map((line) => JSON.parse(line).cursor as string);

test("tail shows what comes, in words, and ends with where to go on", async () => {
  await using own = await startGatehouse({ policy });
  const tail = start(["tail", "--from", "start"], own.apiUrl);
  await tail.until(() => lines(tail.output.stdout).length === 1);
  await makeChanges(own);
  await tail.until(() => lines(tail.output.stdout).length === 5);
  expect(await tail.end()).toBe(0);
  const shown = lines(tail.output.stdout).map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/, "NOW "));
  expect(shown).toEqual([
    expect.stringMatching(/^NOW policy {5}live is [0-9a-f]{12} by policy file \(.*policy\.yaml\)$/),
    `NOW decision   dec-000000000002  app ${testApp}  create_account by ann about New\\u{202e}: deny 120001 (all)`,
    `NOW event      evt-000000000003  app ${testApp}  account_created @a by -: owner="ann" name="News"`,
    `NOW case       case-000000000004  app ${testApp}  bypass @a by ann: open`,
    `NOW list_edit  staff: added ${own.server.api.port}-0 by ann (why)`,
  ]);
  const cursor = /^Go on with --from (\S+)\n$/.exec(tail.output.stderr)?.[1] ?? "";

  await addEntries(own.server, 1, 2);
  const again = start(["tail", "--from", cursor, "--json", "--kind", "list_edit", "--kind", "event"], own.apiUrl);
  await again.until(() => lines(again.output.stdout).length === 2);
  expect(await again.end("SIGTERM")).toBe(0);
  expect(lines(again.output.stdout).map((line) => JSON.parse(line))).toMatchObject([
    { listEdit: { list: "staff", edit: { value: `${own.server.api.port}-1`, change: "LIST_CHANGE_ADDED" } } },
    { listEdit: { edit: { value: `${own.server.api.port}-2` } } },
  ]);
});

test("tail goes on by itself after the last change when the server comes back", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-tail-"));
  const first = await startGatehouse({ policy, folder });
  const tail = start(["tail", "--json"], first.apiUrl);
  // Only the heartbeat tells it that it is connected, so it asks until the first change arrives.
  let added = 0;
  const adding = setInterval(() => void addEntries(first.server, added++, 1).catch(() => {}), 50);
  await tail.until(() => lines(tail.output.stdout).length >= 1);
  clearInterval(adding);
  await first.server.stop(0);
  await tail.until(() => tail.output.stderr.includes("the connection broke"));
  await using second = await startGatehouse({ policy, folder, env: { GATEHOUSE_API_LISTEN: `127.0.0.1:${first.server.api.port}` } });
  await addEntries(second.server, 1000, 3);
  await tail.until(() => tail.output.stdout.includes("-1002"));
  expect(await tail.end()).toBe(0);
  const values = lines(tail.output.stdout).map((line) => Number(JSON.parse(line).listEdit.edit.value.split("-")[1]));
  const from = values[0] ?? 0;
  const before = Array.from({ length: values.length - 3 }, (_, i) => from + i);
  expect(values).toEqual([...before, 1000, 1001, 1002]);
  expect(tail.output.stderr).toMatch(/^gatehouse: the connection broke \(.+\); going on after \S+\n/);
});

test("export until now writes every change once, goes on with the file, and cuts a torn line off", async () => {
  const path = freshFile();
  const run = () => gatehouse(["feed", "export", "--output", path, "--until-now", "--server", service.apiUrl]);
  await makeChanges(service);
  await addEntries(service.server, 100, 1000);
  expect(await run()).toMatchObject({ code: 0, stdout: "", stderr: expect.stringMatching(/^Exported 1 00\d to .* \(.*\)\.\n$/) });
  const first = readFileSync(path, "utf8");
  expect(await run()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Exported 0 to /) });
  expect(readFileSync(path, "utf8")).toBe(first);

  await addEntries(service.server, 2000, 1);
  await run();
  const whole = readFileSync(path, "utf8");
  expect(whole.startsWith(first)).toBe(true);
  expect(new Set(cursors(whole)).size).toBe(cursors(first).length + 1);
  const lastLine = `${lines(whole).at(-1)}\n`;
  for (const left of [lastLine.length - 1, 5, 1]) {
    truncateSync(path, Buffer.byteLength(whole) - Buffer.byteLength(lastLine) + left);
    expect((await run()).stderr).toMatch(/^gatehouse: the last line of .* was not written to its end and is cut off\nExported 1 to /);
    expect(readFileSync(path, "utf8") === whole).toBe(true);
  }
  truncateSync(path, 20);
  await run();
  expect(readFileSync(path, "utf8") === whole).toBe(true);
  truncateSync(path, 0);
  await run();
  expect(readFileSync(path, "utf8") === whole).toBe(true);
});

test("export finds the last line of a file whose lines are long", async () => {
  const path = freshFile();
  const line = (cursor: string, bytes: number) => `${JSON.stringify({ cursor, filler: "é".repeat(bytes / 2) })}\n`;
  const end = Buffer.from("v1.1").toString("base64url");
  writeFileSync(path, line("x", 200_000) + line(end, 150_000));
  appendFileSync(path, `${line("torn", 300_000).slice(0, -3)}`);
  const { stderr, code } = await gatehouse([
    "feed",
    "export",
    "--output",
    path,
    "--until-now",
    "--kind",
    "policy",
    "--server",
    service.apiUrl,
  ]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/cut off\nExported 0 to /)]);
  expect(statSync(path).size).toBe(Buffer.byteLength(line("x", 200_000) + line(end, 150_000)));
});

test("export leaves a file that is no export alone", async () => {
  for (const text of ["notes", "notes\n", '{"value":"x"}\n', `{"cursor":"djEuMQ"}\nnotes`, "\n"]) {
    const path = freshFile();
    writeFileSync(path, text);
    const { code, stderr } = await gatehouse(["feed", "export", "--output", path, "--until-now", "--server", service.apiUrl]);
    expect([text, code, stderr]).toEqual([text, 1, expect.stringContaining("is not from an export of the feed")]);
    expect(readFileSync(path, "utf8")).toBe(text);
  }
  const nowhere = await gatehouse(["feed", "export", "--output", "/nowhere/x", "--until-now", "--server", service.apiUrl]);
  expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot write /nowhere/x: ") });
});

test("export goes on until it is interrupted, and again where it ended, with filters", async () => {
  const path = freshFile();
  await makeChanges(service);
  const args = ["export", "--output", path, "--kind", "event", "--kind", "decision", "--app", String(testApp)];
  const soFar = () => (existsSync(path) ? lines(readFileSync(path, "utf8")).length : 0);
  const exported = start(args);
  while (soFar() < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await exported.end()).toBe(0);
  expect(exported.output.stderr).toMatch(/^Exported \d+ to /);
  const before = soFar();
  await service.post("OfficialAccount.CallbackBeforeCreateOfficialAccount", { Operator_Account: "x", Owner_Account: "x", Name: "x" });
  const again = start(args);
  while (soFar() < before + 1) await new Promise((resolve) => setImmediate(resolve));
  expect(await again.end()).toBe(0);
  const all = cursors(readFileSync(path, "utf8"));
  expect([all.length, new Set(all).size]).toEqual([before + 1, before + 1]);
});

test("wrong flags, wrong cursors and a server that is not there are said", async () => {
  const run = (...args: string[]) => gatehouse(["feed", ...args, "--server", service.apiUrl]);
  expect(await run("tail", "extra")).toMatchObject({ code: 2, stderr: expect.stringContaining('takes no arguments, but got "extra"') });
  expect(await run("tail", "--kind", "decisions")).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "decision"?') });
  expect(await run("tail", "--app", "x")).toMatchObject({ code: 2 });
  expect(await run("tail", "--from", "")).toMatchObject({ code: 2, stderr: expect.stringContaining("start, now or a cursor") });
  expect(await run("tail", "--from", "yesterday")).toMatchObject({ code: 1, stderr: expect.stringContaining("INVALID_CURSOR") });
  expect(await run("export")).toMatchObject({ code: 2, stderr: expect.stringContaining("needs --output FILE") });
  const dead = await gatehouse(["feed", "tail", "--server", "127.0.0.1:1"]);
  expect(dead).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing listens on http://127.0.0.1:1") });
});
