// Starts and ends the processes of a bench, and reads what they have used.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The two cores that servers and load generators share. */
const cores = "0,1";

/** How long a server may take to end, and to be ready. */
const stopMs = 20_000;
const readyWithinMs = 120_000;

const pollMs = 3;
const ticksPerSecond = 100;

/** The Node that the product is pinned to, or this one when it is not installed. */
export function pinnedNode(): string {
  const pinned = join(root, "node_modules/node/bin/node");
  return existsSync(pinned) ? pinned : process.execPath;
}

/** Where a program of the path is; undefined when it is not there. */
export function findProgram(name: string): string | undefined {
  const files = (process.env.PATH ?? "").split(":").map((folder) => join(folder, name));
  return files.find((file) => existsSync(file));
}

/** A command that runs on the two cores, with as many open files as the system lets it have. taskset and the shell become the command. */
function confined(command: readonly string[]): [string, string[]] {
  const raised = ["-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "sh", ...command];
  return findProgram("taskset") === undefined ? ["sh", raised] : ["taskset", ["-c", cores, "sh", ...raised]];
}

/** How a server is started. */
export interface ServerSpec {
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Its ports by name as soon as it can answer; asked again and again with what it has printed so far. */
  ready(output: string): Promise<Record<string, number> | undefined> | Record<string, number> | undefined;
}

/** A server that can answer. */
export interface ServerProcess {
  pid: number;
  child: ChildProcess;
  readyMs: number;
  ports: Readonly<Record<string, number>>;
  /** Ends it, by SIGTERM; when that does nothing, by SIGKILL. Calling it again does nothing more. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a server and waits until it can answer. Throws with the end of its output when it ends before. */
export async function startServer({ command, env = {}, ready }: ServerSpec): Promise<ServerProcess> {
  const startMs = performance.now();
  const [file, args] = confined(command);
  const child = spawn(file, args, { cwd: root, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  const exited = once(child, "exit").finally(() => running.delete(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      // A long run's log must not fill the memory of the bench.
      output = (output + chunk).slice(-20_000);
    });
  }
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
    child.kill("SIGTERM");
    await exited;
    clearTimeout(timer);
  };
  for (;;) {
    const ports = await ready(output);
    const readyMs = performance.now() - startMs;
    if (ports !== undefined && child.pid !== undefined) return { pid: child.pid, child, readyMs, ports, stop };
    if (hasEnded()) throw new Error(`it ended before it could answer: ${output.trim().slice(-2000)}`);
    if (readyMs > readyWithinMs) {
      await stop();
      throw new Error(`it was not ready within ${readyWithinMs / 1000} s: ${output.trim().slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Runs a load generator on the same cores to its end; resolves to what it printed. */
export async function runConfined(command: readonly string[]): Promise<string> {
  const [file, args] = confined(command);
  const { stdout } = await promisify(execFile)(file, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** CPU seconds that all threads of a process have used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** The most memory that a process has had resident, in MiB. */
export function peakMemoryMb(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
