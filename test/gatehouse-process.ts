// Runs `gatehouse` in a process of its own, as people do, so that it can be killed, stopped and started again.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A `gatehouse serve` or `gatehouse gateway` that is ready. */
export interface GatehouseProcess {
  child: ChildProcess;
  /** Where it listens, by the names that it prints: host and port. */
  addresses: Readonly<Record<string, string>>;
  /** Sends a signal and resolves when the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts it, and resolves when it says that it is ready. */
export async function startGatehouseProcess(args: readonly string[], env: Record<string, string>): Promise<GatehouseProcess> {
  const child = spawn(process.execPath, ["src/gatehouse.js", ...args], {
    env: {
      ...process.env,
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
      GATEHOUSE_LOG_LEVEL: "error",
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  let output = "";
  for await (const chunk of child.stdout) {
    output += chunk;
    if (!/^ {2}(grpc|spool) .*\n/m.test(output)) continue;
    const found = output.matchAll(/^ {2}(\w+) +(?:http:\/\/)?(127\.0\.0\.1:\d+)/gm);
    return {
      child,
      addresses: Object.fromEntries([...found].map(([, name, address]) => [name, address])),
      async end(signal) {
        child.kill(signal);
        await gone;
      },
    };
  }
  throw new Error(`it did not start: ${output}`);
}
