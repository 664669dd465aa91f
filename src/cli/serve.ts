// `gatehouse serve`: runs the service until it is told to stop.
import type { Config } from "../config.ts";
import type { GatehouseServer } from "../server.ts";
import { type Command, parseFlags, UsageError } from "./command.ts";
import { hostAndPort, isAuthenticated, runServer, urlOf } from "./run-server.ts";

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
    return runServer(io, values.config, {}, async (config, log) => {
      // Loaded only here: the other commands are clients and start faster without the service.
      const { startServer } = await import("../server.ts");
      const server = await startServer(config, log);
      return { banner: banner(server, config), stop: server.stop };
    });
  },
};

/** Where it listens, and a line to paste that gets a real answer. */
function banner({ webhook, api, grpc }: GatehouseServer, config: Config): string {
  const [app] = config.apps;
  const appId = app?.id ?? 0;
  const webhookUrl = urlOf(webhook, config.webhook.tls);
  const command = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
  const body = { CallbackCommand: command, Operator_Account: "107867", Owner_Account: "107867", Name: "TestOfficialAccount" };
  const curl = `curl '${webhookUrl}/?SdkAppid=${appId}&CallbackCommand=${command}&contenttype=json' -d '${JSON.stringify(body)}'`;
  const target = `${webhookUrl}${app?.pathSecret === undefined ? "" : "/PATH_SECRET"}${app?.querySecret === undefined ? "" : "?token=QUERY_SECRET"}`;
  const signed = app === undefined || app.tokens.length === 0 ? "" : " --token TOKEN";
  const send = `npx gatehouse send before-create --url '${target}' --app ${appId}${signed}`;
  return `Gatehouse is ready.
  webhook  ${webhookUrl}   Chat's webhooks, any path
  api      ${urlOf(api, config.api.tls)}   Connect, gRPC-Web, JSON, /healthz, /readyz, /metrics
  grpc     ${hostAndPort(grpc)}          gRPC, with reflection and health

Try it:
  ${app !== undefined && isAuthenticated(app) ? send : curl}
`;
}
