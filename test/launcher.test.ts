// The start of everything: the entry on an old Node and on this one, and the installer when there is nothing to install.
import { execFileSync, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const entry = join(root, "src/gatehouse.js");
const installer = join(root, "src/install.js");

/** The machine's own Node, outside node_modules, when it is too old to run Gatehouse. */
function findOldNode(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return folders.map((folder) => join(folder, "node")).find((path) => existsSync(path) && majorOf(path) < 24);
}

function majorOf(node: string): number {
  return Number.parseInt(execFileSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }), 10);
}

function run(node: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd: tmpdir(),
    encoding: "utf8",
    env: { ...process.env, npm_config_offline: "true" },
  });
  return { status, stdout, stderr };
}

/** A checkout whose lockfile wants one package, `wanted`, at version 1.0.0. */
function makeCheckout(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-install-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "src"));
  mkdirSync(join(folder, "wanted"));
  cpSync(installer, join(folder, "src/install.js"));
  writeFileSync(join(folder, "wanted/package.json"), JSON.stringify({ name: "wanted", version: "1.0.0" }));
  execFileSync("npm", ["pack", "--silent", "./wanted"], { cwd: folder });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "checkout", version: "1.0.0", type: "module", dependencies: { wanted: "file:wanted-1.0.0.tgz" } }),
  );
  execFileSync("npm", ["install", "--package-lock-only", "--offline", "--silent"], { cwd: folder });
  return folder;
}

const oldNode = findOldNode();

describe.skipIf(oldNode === undefined)("on a Node older than 24 (skipped where the machine has none)", () => {
  test("the entry says which Node this is, which is needed and what to do, and ends with 1", () => {
    const { status, stdout, stderr } = run(oldNode ?? "", entry, "serve");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^gatehouse: this is Node v\d+\.\d+\.\d+, but Gatehouse needs Node 24 or later: .*`npm start`.*\n$/);
  });

  test("the installer runs", () => {
    expect(run(oldNode ?? "", installer)).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

test("the entry keeps what was compiled for the next start, and starts where that cannot be kept", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-compiled-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const startWith = (cache: string) =>
    spawnSync(process.execPath, [entry, "--version"], { encoding: "utf8", env: { ...process.env, NODE_COMPILE_CACHE: cache } });
  const kept = join(folder, "kept");
  expect(startWith(kept)).toMatchObject({ status: 0, stderr: "" });
  const [ofThisNode = ""] = readdirSync(kept);
  expect(readdirSync(join(kept, ofThisNode)).length).toBeGreaterThan(10);
  expect(startWith(kept)).toMatchObject({ status: 0, stderr: "" });
  expect(startWith(join(kept, ofThisNode, readdirSync(join(kept, ofThisNode))[0] ?? ""))).toMatchObject({ status: 0, stderr: "" });
});

test("the entry is executable and runs commands", () => {
  accessSync(entry, constants.X_OK);
  expect(run(process.execPath, entry, "--version")).toMatchObject({
    status: 0,
    stderr: "",
    stdout: expect.stringMatching(/^gatehouse \d/),
  });
  expect(run(process.execPath, join(root, "src/main.ts"), "--version").status).toBe(0);
  expect(run(process.execPath, entry, "nonsense").status).toBe(2);
});

test("the entry says what to do when the packages are not installed", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bare-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ["src", "gen", "package.json"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  const { status, stderr } = run(process.execPath, join(folder, "src/gatehouse.js"), "help");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^gatehouse: the package .* is not installed: run `npm install`.*\n$/);
});

test("the installer does nothing, and says nothing, when all is there", () => {
  expect(run(process.execPath, installer)).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("the installer installs once, restores a package that is gone, and then has nothing to do", { timeout: 60_000 }, () => {
  const folder = makeCheckout();
  const install = () => run(process.execPath, join(folder, "src/install.js"));
  const said = "gatehouse: installing the packages of package-lock.json; this can take a minute.\n";
  expect(install()).toEqual({ status: 0, stdout: "", stderr: said });
  expect(existsSync(join(folder, "node_modules/wanted/package.json"))).toBe(true);
  expect(install()).toEqual({ status: 0, stdout: "", stderr: "" });
  rmSync(join(folder, "node_modules/wanted"), { recursive: true });
  // The lock of an install that died does not stand in the way.
  writeFileSync(join(folder, ".cache/install.lock"), "999999999");
  expect(install()).toEqual({ status: 0, stdout: "", stderr: said });
  expect(existsSync(join(folder, ".cache/install.lock"))).toBe(false);
});

test("the installer keeps to the lockfile, and leaves it as it is, where `npm ci` refuses it", { timeout: 60_000 }, () => {
  const folder = makeCheckout();
  const lockfile = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  // A lockfile that was made where an optional package could not be had lacks it.
  const optional = { "not-there": "file:not-there.tgz" };
  lockfile.packages[""].optionalDependencies = optional;
  const text = JSON.stringify(lockfile);
  writeFileSync(join(folder, "package-lock.json"), text);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, optionalDependencies: optional }));
  const { status, stderr } = run(process.execPath, join(folder, "src/install.js"));
  expect({ status, lines: stderr.trimEnd().split("\n").length }).toEqual({ status: 0, lines: 1 });
  expect(readFileSync(join(folder, "package-lock.json"), "utf8")).toBe(text);
  expect(existsSync(join(folder, "node_modules/wanted/package.json"))).toBe(true);
});

test("the installer shows npm's own words and ends with 1 when npm fails", { timeout: 60_000 }, () => {
  const folder = makeCheckout();
  const lockfile = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  lockfile.packages["node_modules/wanted"].integrity = `sha512-${"A".repeat(86)}==`;
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lockfile));
  const { status, stderr } = run(process.execPath, join(folder, "src/install.js"));
  expect(status).toBe(1);
  expect(stderr).toContain("npm error");
  expect(stderr).toMatch(/\ngatehouse: cannot install the packages: npm ended with \d+; .*\n$/);
});
