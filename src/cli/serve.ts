// `gatehouse serve`: runs the service until it is told to stop.
import { type Config, loadConfig } from "../config.ts";
import type { AppConfig, ListenAddress } from "../config-values.ts";
import { GatehouseError } from "../errors.ts";
import type { GatehouseServer } from "../server.ts";
import { type Command, CommandError, parseFlags, UsageError } from "./command.ts";

/** How long what was accepted may take to end after the first signal, in milliseconds. */
const graceMs = 10_000;

export const serve: Command = {
  name: "serve",
  summary: "run the service",
  usage: `Usage: gatehouse serve [--config FILE]

Runs the webhook gateway and the moderation service until SIGINT or SIGTERM; a second
signal ends it at once. Settings come from the file (GATEHOUSE_CONFIG, or
config/gatehouse.yaml) and from the environment; README.md lists them.

  --config FILE   the settings file
`,
  async run(args, io) {
    const { values, positionals } = parseFlags(args, { config: { type: "string" } });
    if (positionals.length > 0) throw new UsageError(`serve takes no argument "${positionals[0]}".`);
    const read = loadConfig(io.env, values.config);
    if (read.config === undefined) {
      throw new CommandError(`the settings are not usable:\n${read.problems.map((problem) => `  ${problem}`).join("\n")}`);
    }
    const { config } = read;
    // Loaded only here: the other commands are clients and start faster without the service.
    const [{ startServer }, { createLogger }] = await Promise.all([import("../server.ts"), import("../telemetry/logger.ts")]);
    const log = createLogger(config.log.level);
    for (const warning of read.warnings) log.warn({ warning }, "a variable is no setting");
    for (const app of config.apps) {
      if (!isAuthenticated(app)) log.warn({ app: app.id }, "this app has no token and no secret: its webhooks are not authenticated");
    }
    let server: GatehouseServer;
    try {
      server = await startServer(config, log);
    } catch (error) {
      if (error instanceof GatehouseError) throw new CommandError(error.message);
      throw error;
    }
    // Who reads that it is ready may tell it to stop at once.
    const stopped = stopSignal();
    io.stdout.write(banner(server, config));
    await stopped;
    io.stderr.write("Stopping: what was accepted is being answered. Once more to stop at once.\n");
    await server.stop(graceMs);
    return 0;
  },
};

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

function isAuthenticated({ tokens, pathSecret, querySecret }: AppConfig): boolean {
  return tokens.length > 0 || pathSecret !== undefined || querySecret !== undefined;
}

/** Where it listens, and a line to paste that gets a real answer. */
function banner({ webhook, api, grpc }: GatehouseServer, config: Config): string {
  const [app] = config.apps;
  const appId = app?.id ?? 0;
  const place = ({ host, port }: ListenAddress) => `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const scheme = (tls: object | undefined) => (tls === undefined ? "http" : "https");
  const webhookUrl = `${scheme(config.webhook.tls)}://${place(webhook)}`;
  const command = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
  const body = { CallbackCommand: command, Operator_Account: "107867", Owner_Account: "107867", Name: "TestOfficialAccount" };
  const curl = `curl '${webhookUrl}/?SdkAppid=${appId}&CallbackCommand=${command}&contenttype=json' -d '${JSON.stringify(body)}'`;
  const target = `${webhookUrl}${app?.pathSecret === undefined ? "" : "/PATH_SECRET"}${app?.querySecret === undefined ? "" : "?token=QUERY_SECRET"}`;
  const signed = app === undefined || app.tokens.length === 0 ? "" : " --token TOKEN";
  const send = `npx gatehouse send before-create --url '${target}' --app ${appId}${signed}`;
  return `Gatehouse is ready.
  webhook  ${webhookUrl}   Chat's webhooks, any path
  api      ${scheme(config.api.tls)}://${place(api)}   Connect, gRPC-Web, JSON, /healthz, /readyz, /metrics
  grpc     ${place(grpc)}          gRPC, with reflection and health

Try it:
  ${app !== undefined && isAuthenticated(app) ? send : curl}
`;
}
