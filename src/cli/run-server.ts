// What the commands that serve have in common: settings, the log, and running until a signal.
import { type Config, loadConfig } from "../config.ts";
import type { AppConfig, ListenAddress } from "../config-values.ts";
import { GatehouseError } from "../errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import { CommandError, type Io } from "./command.ts";

/** How long what was accepted may take to end after the first signal, in milliseconds. */
const graceMs = 10_000;

/** Something that serves, and what to print when it does. */
export interface RunningServer {
  banner: string;
  stop(graceMs: number): Promise<void>;
}

/**
 * Reads the settings, starts a server, and stops it at SIGINT or SIGTERM; a second signal ends the process. `env` goes before the variables of
 * `io`. Throws a CommandError when the settings or the start fail in a way that people can mend.
 */
export async function runServer(
  io: Io,
  configFile: string | undefined,
  env: Record<string, string>,
  start: (config: Config, log: Logger) => Promise<RunningServer>,
): Promise<number> {
  const read = loadConfig({ ...io.env, ...env }, configFile);
  if (read.config === undefined) {
    throw new CommandError(`the settings are not usable:\n${read.problems.map((problem) => `  ${problem}`).join("\n")}`);
  }
  const { config } = read;
  // Loaded only here: the other commands are clients and start faster without it.
  const { createLogger } = await import("../telemetry/logger.ts");
  const log = createLogger(config.log.level);
  for (const warning of read.warnings) log.warn({ warning }, "a variable is no setting");
  for (const app of config.apps) {
    if (!isAuthenticated(app)) log.warn({ app: app.id }, "this app has no token and no secret: its webhooks are not authenticated");
  }
  let server: RunningServer;
  try {
    server = await start(config, log);
  } catch (error) {
    if (error instanceof GatehouseError) throw new CommandError(error.message);
    throw error;
  }
  // Who reads that it is ready may tell it to stop at once.
  const stopped = stopSignal();
  io.stdout.write(server.banner);
  await stopped;
  io.stderr.write("Stopping: what was accepted is being answered. Once more to stop at once.\n");
  await server.stop(graceMs);
  return 0;
}

/** Resolves at the first SIGINT or SIGTERM; the second ends the process. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = () => {
      signals++;
      if (signals === 1) resolve();
      else process.exit(1);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

/** Whether the app's webhooks show where they come from. */
export function isAuthenticated({ tokens, pathSecret, querySecret }: AppConfig): boolean {
  return tokens.length > 0 || pathSecret !== undefined || querySecret !== undefined;
}

/** The URL of an HTTP listener, with or without TLS. */
export function urlOf(address: ListenAddress, tls: object | undefined): string {
  return `${tls === undefined ? "http" : "https"}://${hostAndPort(address)}`;
}

/** An address as it stands in a URL. */
export function hostAndPort({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
