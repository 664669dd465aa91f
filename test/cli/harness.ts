// Runs the command line in this process, and the servers it talks to.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { runCli } from "../../src/cli/run.ts";

/** What a run of the command line left behind. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** 2022-12-09T08:26:54.123Z, the time in the published samples. */
export const nowMs = 1670574414123;

/** Runs `gatehouse` with these arguments and nothing in its environment but `env`. */
export async function gatehouse(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const outcome: Outcome = { code: -1, stdout: "", stderr: "" };
  const collect = (stream: "stdout" | "stderr") => ({
    write(text: string) {
      outcome[stream] += text;
    },
  });
  outcome.code = await runCli(args, { stdout: collect("stdout"), stderr: collect("stderr"), env, now: () => nowMs });
  return outcome;
}

/** Serves on a free port until the test ends; resolves to the address. */
export async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address where nothing listens. */
export async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
