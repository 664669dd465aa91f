// Starts the service in a process of its own on a disk that can be made to refuse writes, and to accept them again.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testApp } from "../../gatehouse.ts";

/** A service on such a disk. */
export interface ServiceOnDisk extends AsyncDisposable {
  webhookUrl: string;
  apiUrl: string;
  /** What was logged, a line each. */
  log: string[];
  refuseWrites(): void;
  acceptWrites(): void;
}

/** A way to limit a disk. */
export interface LimitedDisk {
  name: string;
  /** The cause that the store must find. */
  cause: string;
  start(): Promise<ServiceOnDisk>;
}

/** How large files may get while writes are refused: less than the log has by then. */
const limitedFileBytes = 4096;

/** A file system of its own that others can fill; in a mount namespace, so that nothing is left behind. */
const smallFileSystem: LimitedDisk = {
  name: "a file system that is full",
  cause: "full",
  async start() {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-small-"));
    const script = 'mount -t tmpfs -o size=16m tmpfs "$1" && shift && exec "$@"';
    const service = await serve("unshare", ["-rm", "sh", "-c", script, "sh", folder], folder);
    const filler = join(`/proc/${service.pid}/root`, folder, "filler");
    return {
      ...service,
      refuseWrites() {
        // Larger pieces first: what is left at the end is less than a page.
        for (const bytes of [1024 * 1024, 4096, 1]) appendUntilFull(filler, bytes);
      },
      acceptWrites: () => rmSync(filler),
    };
  },
};

/** A limit on the size of files, which the kernel enforces with EFBIG. */
const limitedFiles: LimitedDisk = {
  name: "files that cannot grow",
  cause: "io",
  async start() {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-limited-"));
    const service = await serve("env", [], folder);
    const limit = (soft: string) => execFileSync("prlimit", ["--pid", String(service.pid), `--fsize=${soft}:`]);
    return { ...service, refuseWrites: () => limit(String(limitedFileBytes)), acceptWrites: () => limit("unlimited") };
  },
};

/** The ways that this machine has. */
export const limitedDisks: readonly LimitedDisk[] = [limitedFiles, ...(canMount() ? [smallFileSystem] : [])];

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-mount-"));
  const { status } = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", folder]);
  rmSync(folder, { recursive: true });
  return status === 0;
}

function appendUntilFull(path: string, bytes: number): void {
  const piece = Buffer.alloc(bytes);
  try {
    while (true) writeFileSync(path, piece, { flag: "a" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** Runs `gatehouse serve` behind a command that ends by becoming it. */
async function serve(command: string, args: string[], folder: string) {
  mkdirSync(folder, { recursive: true });
  const child: ChildProcess = spawn(command, [...args, process.execPath, "src/gatehouse.js", "serve"], {
    env: {
      ...process.env,
      GATEHOUSE_APPS: String(testApp),
      GATEHOUSE_DATABASE: join(folder, "gatehouse.db"),
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => log.push(...text.split("\n").filter((line) => line !== "")));
  let output = "";
  const found = await new Promise<{ webhookUrl: string; apiUrl: string }>((resolve, reject) => {
    child.on("exit", () => reject(new Error(`it did not start: ${output}\n${log.join("\n")}`)));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const webhookUrl = /webhook +(http:\S+)/.exec(output)?.[1];
      const apiUrl = /api +(http:\S+)/.exec(output)?.[1];
      if (webhookUrl !== undefined && apiUrl !== undefined) resolve({ webhookUrl, apiUrl });
    });
  });
  return {
    ...found,
    pid: child.pid,
    log,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
