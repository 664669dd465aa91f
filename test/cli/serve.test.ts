// `gatehouse serve` in a process of its own: what it says when it starts.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createCa, writePair } from "../certificates.ts";

/** Serves with the settings until it has said all that it says at start, or has ended. */
async function serve(folder: string, settings: object): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const config = join(folder, "gatehouse.yaml");
  const listen = { listen: "127.0.0.1:0" };
  writeFileSync(config, JSON.stringify({ webhook: listen, api: listen, grpc: listen, database: join(folder, "g.db"), ...settings }));
  const child = spawn(process.execPath, ["src/gatehouse.js", "serve", "--config", config]);
  const said = { stdout: "", stderr: "" };
  child.stderr.on("data", (text) => {
    said.stderr += String(text);
  });
  child.stdout.on("data", (text) => {
    said.stdout += String(text);
    if (said.stdout.includes("Try it:")) child.kill("SIGTERM");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { ...said, code };
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-serve-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("it warns of each app that has neither a token nor a secret", async () => {
  const { stderr, code } = await serve(makeFolder(), {
    apps: [5, { id: 6, tokens: ["t"] }, { id: 7, path_secret: "sixteen-characters" }, { id: 8, query_secret: "sixteen-characters" }, 9],
  });
  const warned = stderr.split("\n").filter((line) => line.includes("this app has no token and no secret"));
  expect(warned.map((line) => JSON.parse(line).app)).toEqual([5, 9]);
  expect(code).toBe(0);
});

test("it says where it serves with TLS, and what to send, without a secret", async () => {
  const folder = makeFolder();
  const { certFile, keyFile } = writePair(folder, createCa("a CA").issue("server"));
  const listen = "127.0.0.1:0";
  const { stdout, stderr } = await serve(folder, {
    apps: [{ id: 5, tokens: ["the-token"], path_secret: "sixteen-characters" }],
    webhook: { listen, tls: { cert_file: certFile, key_file: keyFile } },
  });
  expect(stdout).toMatch(/webhook {2}https:\/\/127\.0\.0\.1:\d+ /);
  expect(stdout).toMatch(/api {6}http:\/\/127\.0\.0\.1:\d+ /);
  expect(stdout).toMatch(/send before-create --url 'https:\/\/127\.0\.0\.1:\d+\/PATH_SECRET' --app 5 --token TOKEN/);
  expect(stdout + stderr).not.toMatch(/the-token|sixteen-characters/);
});

test("it does not start with TLS files that are no good, and says which", async () => {
  const tls = { cert_file: "/no/such.crt", key_file: "/no/such.key" };
  const { stderr, code } = await serve(makeFolder(), { apps: [5], api: { listen: "127.0.0.1:0", tls } });
  expect(stderr).toContain("gatehouse: api.tls: /no/such.crt cannot be read: ENOENT.\n");
  expect(code).toBe(1);
});
