// The audit of packages, with real npm and a registry that says what the test wants.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { deadAddress, listen } from "./cli/harness.ts";

const script = fileURLToPath(new URL("../.ci/audit.ts", import.meta.url));

/** A checkout that runs with one package, and develops with another. */
function makeCheckout(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-audit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const packages = {
    "": { name: "checkout", version: "1.0.0", dependencies: { needed: "1.0.0" }, devDependencies: { tool: "1.0.0" } },
    "node_modules/needed": { version: "1.0.0" },
    "node_modules/tool": { version: "1.0.0", dev: true },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(packages[""]));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ name: "checkout", version: "1.0.0", lockfileVersion: 3, packages }));
  return folder;
}

/** A registry that knows of weaknesses. */
function registry(advisories: object): Promise<string> {
  return listen((request, response) => {
    const isAudit = request.url === "/-/npm/v1/security/advisories/bulk";
    const versions = { "1.0.0": { name: "needed", version: "1.0.0" } };
    request.resume().once("end", () => response.end(JSON.stringify(isAudit ? advisories : { name: "needed", versions })));
  });
}

async function audit(url: string): Promise<{ code: number | null; stdout: string }> {
  const env = { ...process.env, npm_config_registry: url, npm_config_cache: mkdtempSync(join(tmpdir(), "gatehouse-npm-")) };
  onTestFinished(() => rmSync(env.npm_config_cache, { recursive: true, force: true }));
  const child = spawn(process.execPath, [script], { cwd: makeCheckout(), env });
  let stdout = "";
  child.stdout.on("data", (text) => {
    stdout += String(text);
  });
  return { code: await new Promise((resolve) => child.once("close", resolve)), stdout };
}

const advisory = (severity: string) => ({ id: 1, url: "https://a.example/1", title: "Bad thing", severity, vulnerable_versions: "<2.0.0" });

test("a high weakness of a package that Gatehouse runs with fails the audit, and is told", async () => {
  const { code, stdout } = await audit(await registry({ needed: [advisory("high")] }));
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringContaining("audit: high: needed <2.0.0: Bad thing (https://a.example/1)\n"),
  });
});

test("a moderate one does not", async () => {
  expect(await audit(await registry({ needed: [advisory("moderate")] }))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("0 of"),
  });
});

test("none does not", async () => {
  expect(await audit(await registry({}))).toMatchObject({ code: 0, stdout: expect.stringContaining("0 of") });
});

test("a registry that does not answer is said, and is no failure", async () => {
  const refused = { code: 0, stdout: expect.stringMatching(/^audit: not audited: the registry does not answer \(.+\)\.\n$/) };
  expect(await audit(await deadAddress())).toEqual(refused);
  expect(await audit(await listen((_request, response) => response.writeHead(405).end()))).toEqual(refused);
});
