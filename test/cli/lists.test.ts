// `gatehouse lists` against the real service.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { gatehouse, type Outcome } from "./harness.ts";

let service: TestGatehouse;
let lists = 0;

beforeAll(async () => {
  const names = Array.from({ length: 30 }, (_, i) => `  list_${i}: {}\n`).join("");
  service = await startGatehouse({ policy: `name: lists\nlists:\n${names}  ranges: { kind: cidr }\n` });
});
afterAll(() => service[Symbol.asyncDispose]());

/** A list that no other test uses. */
const freshList = () => `list_${lists++}`;

const run = (...args: string[]): Promise<Outcome> => gatehouse(["lists", ...args, "--server", service.apiUrl]);

function file(name: string, text: string): string {
  const path = join(service.folder, name);
  writeFileSync(path, text);
  return path;
}

const good = (stdout: string): Outcome => ({ code: 0, stdout, stderr: "" });
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("lists shows all lists, and so does lists list", async () => {
  const { code, stdout } = await run();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^LIST +KIND +ENTRIES\nlist_0 +exact +0\n/);
  expect(stdout).toMatch(/^ranges +cidr +0$/m);
  expect(await run("list")).toEqual(good(stdout));
  expect(jsonLines((await run("--json")).stdout)).toContainEqual({ list: "ranges", kind: "LIST_KIND_CIDR" });
});

test("lists are edited and shown", async () => {
  const list = freshList();
  expect(await run("show", list)).toEqual(good(`${list} is empty.\n`));
  expect(await run("add", list, "jared", "leckie", "--reason", "spam", "--author", "ann", "--source", "T-1")).toEqual(
    good(`Added 2 to ${list}.\n`),
  );
  expect(await run("add", list, "jared", "penn", "--expires", "2100-01-01")).toEqual(good(`Added 1 to ${list}; 1 there before.\n`));
  const { stdout } = await run("show", list);
  const user = userInfo().username;
  expect(stdout.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => (time.startsWith("2100") ? "2100" : "NOW")).replace(/ +/g, " ")).toBe(
    [
      "VALUE REASON AUTHOR SOURCE ADDED EXPIRES",
      `jared - ${user} - NOW 2100`,
      "leckie spam ann T-1 NOW -",
      `penn - ${user} - NOW 2100`,
      "",
    ].join("\n"),
  );
  expect(jsonLines((await run("show", list, "--json", "--prefix", "le")).stdout)).toMatchObject([{ value: "leckie", source: "T-1" }]);
  expect(jsonLines((await run("show", list, "--json", "--contains", "pam")).stdout)).toMatchObject([{ value: "leckie" }]);
  expect(await run("show", list, "--prefix", "x")).toEqual(good(`${list} has no such entries.\n`));
  expect(await run("remove", list, "jared", "nobody", "--reason", "appeal")).toEqual(good(`Removed 1 from ${list}; 1 not on it.\n`));
  expect(await run("remove", list, "penn", "--json")).toEqual(good('{"removedCount":1}\n'));
});

test("history shows what was done, to a list or to one value", async () => {
  const list = freshList();
  expect(await run("history", list)).toEqual(good(`Nothing was done to ${list} yet.\n`));
  await run("add", list, "jared", "--reason", "spam", "--author", "ann");
  await run("add", list, "leckie");
  await run("remove", list, "jared", "--author", "bob", "--reason", "appeal");
  const { stdout } = await run("history", list, "jared");
  expect(stdout.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "NOW").replace(/ +/g, " ")).toBe(
    ["TIME CHANGE VALUE AUTHOR REASON SOURCE EXPIRES", "NOW removed jared bob appeal - -", "NOW added jared ann spam - -", ""].join("\n"),
  );
  expect(jsonLines((await run("history", list, "--json")).stdout).map(({ value }) => value)).toEqual(["jared", "leckie", "jared"]);
});

test("an edit of more values than one call may carry is made in several", async () => {
  const list = freshList();
  const values = Array.from({ length: 2500 }, (_, index) => `u${index}`);
  expect(await run("add", list, ...values, "--json")).toEqual(good('{"addedCount":2500}\n'));
  const { stdout, stderr } = await run("show", list, "--json", "--limit", "2500");
  expect(jsonLines(stdout)).toHaveLength(2500);
  expect(stderr).toBe("");
  const first = await run("show", list, "--json", "--limit", "10");
  expect(first.stderr).toMatch(/there is more; .* --page-token \S+\n$/);
});

test("a file of 20 000 lines is imported, again without a change, and exported as it was", async () => {
  const list = freshList();
  const text = Array.from({ length: 20_000 }, (_, index) => `user-${String(index).padStart(6, "0")}\n`).join("");
  const path = file("users.txt", text);
  expect((await run("import", list, path, "--reason", "spam")).stdout).toMatch(new RegExp(`^Imported 20 000 into ${list} \\(.*\\)\\.\n$`));
  expect((await run("import", list, path, "--reason", "spam")).stdout).toMatch(
    new RegExp(`^Imported 0 into ${list}; 20 000 there before \\(`),
  );
  expect(jsonLines((await run("history", list, "user-019999", "--json")).stdout)).toHaveLength(1);
  expect(JSON.parse((await run("import", list, path, "--json")).stdout)).toEqual({ receivedCount: 20_000, addedCount: 0, expiredCount: 0 });

  const output = join(service.folder, "exported.txt");
  expect(await run("export", list, "--output", output)).toEqual({
    code: 0,
    stdout: "",
    stderr: expect.stringMatching(new RegExp(`^Exported 20 000 from ${list} \\(`)),
  });
  expect(readFileSync(output, "utf8") === text).toBe(true);
  const { stdout } = await run("export", list);
  expect(stdout === text).toBe(true);
});

test("an export as JSON is imported with all that is known", async () => {
  const [from, to] = [freshList(), freshList()];
  await run("add", from, "a\nb", "--reason", "r", "--author", "ann", "--source", "s", "--expires", "2100-01-01");
  const output = join(service.folder, "entries.ndjson");
  await run("export", from, "--output", output, "--json");
  await run("import", to, output, "--author", "bob", "--reason", "other");
  const [entry] = jsonLines((await run("show", to, "--json")).stdout);
  expect(entry).toMatchObject({ value: "a\nb", reason: "r", author: "ann", source: "s", expireTime: "2100-01-01T00:00:00Z" });
  const failed = await run("export", from, "--output", output);
  expect(failed).toEqual({ code: 1, stdout: "", stderr: expect.stringContaining('the value "a\\nb" cannot stand on a line of its own') });
  // What was there stays, and nothing is left beside it.
  expect(jsonLines(readFileSync(output, "utf8"))).toHaveLength(1);
  expect(readdirSync(service.folder).filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("entries that have expired are passed over, and that is said", async () => {
  const path = file("old.ndjson", '{"value":"old","expireTime":"2001-01-01T00:00:00Z"}\n{"value":"new"}\n');
  expect((await run("import", freshList(), path)).stdout).toMatch(/^Imported 1 into list_\d+; 1 expired already and passed over \(/);
});

test("CSV is imported, and flags fill what it leaves out", async () => {
  const list = freshList();
  await run("import", list, file("x.csv", 'value,reason\na,"one, two"\nb,\n'), "--reason", "spam", "--source", "T-2");
  expect(jsonLines((await run("show", list, "--json")).stdout)).toMatchObject([
    { value: "a", reason: "one, two", source: "T-2" },
    { value: "b", reason: "spam", source: "T-2" },
  ]);
});

test("the standard input is imported", async () => {
  const list = freshList();
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, "lists", "import", list, "-", "--server", service.apiUrl], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stdin.end("a\nb\n");
  await new Promise((resolve) => child.once("close", resolve));
  expect(stdout).toMatch(new RegExp(`^Imported 2 into ${list} \\(`));
});

const range = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}\n`;
const ranges = (from: number, count: number) => Array.from({ length: count }, (_, i) => range(from + i)).join("");

test.each<[string, (list: string) => [list: string, path: string], RegExp]>([
  ["a list that is not there", () => ["nobody", file("a.txt", "a\n")], /^gatehouse: There is no list "nobody"\..* \(LIST_NOT_FOUND\)\n$/],
  [
    "a file that is not there",
    (list) => [list, join(service.folder, "none.txt")],
    /^gatehouse: cannot read .*none\.txt: there is no such file\.\n$/,
  ],
  ["a folder", (list) => [list, service.folder], /^gatehouse: cannot read .*: it is a folder\.\n$/],
  ["a value that is too long", (list) => [list, file("a.txt", `a\n${"x".repeat(501)}\n`)], /^gatehouse: .*a\.txt:2: value .*500.*\n/],
  [
    "a line that is no entry",
    (list) => [list, file("a.ndjson", '{"value":"a"}\n\nx\n')],
    /^gatehouse: .*a\.ndjson:3: not an entry such as/,
  ],
  [
    "a value that does not fit",
    () => ["ranges", file("r.txt", `${ranges(0, 3)}\n\nnonsense\n${ranges(3, 5000)}`)],
    /^gatehouse: .*r\.txt:6: .*"nonsense".*\n$/,
  ],
  [
    "a value that does not fit, far down",
    () => ["ranges", file("r.txt", `${ranges(0, 25_000)}10.0.0.1/8\n${ranges(25_000, 5000)}`)],
    /^gatehouse: .*r\.txt:25001: .*10\.0\.0\.0\/8.*\nThe first 20 000 entries are on the list; importing the file again passes over them\.\n$/,
  ],
])("an import of %s says what and where, and ends with 1", async (_name, make, message) => {
  const { code, stdout, stderr } = await run("import", ...make(freshList()));
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
});

test.each([
  [["show", "nobody"], /There is no list "nobody".*\(LIST_NOT_FOUND\)\n$/],
  [["export", "nobody"], /There is no list "nobody".*\(LIST_NOT_FOUND\)\n$/],
  [["add", "list_0", ""], /\(INVALID_REQUEST\)\n {2}entries\[0\]\.value: .*\n$/],
  [["add", "ranges", "x"], /\(INVALID_ENTRY\)\n {2}entries\[0\]\.value: .*\n$/],
  [["export", "list_0", "--output", "/nowhere/at/all"], /cannot write \/nowhere\/at\/all: /],
])("%j says what the server says and ends with 1", async (args, message) => {
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
});
