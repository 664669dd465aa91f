// `gatehouse gateway`: runs Chat's side apart from the service until it is told to stop.
import type { Config } from "../config.ts";
import type { GatewayServer } from "../gateway-server.ts";
import { gatewaySettings } from "../gateway-settings.ts";
import { type Command, parseFlags, UsageError } from "./command.ts";
import { runServer, urlOf } from "./run-server.ts";

const { serviceAddress, serviceCaFile } = gatewaySettings;

export const gateway: Command = {
  name: "gateway",
  summary: "run Chat's side alone, for a service elsewhere",
  usage: `Usage: gatehouse gateway --service TARGET [--ca-file FILE] [--config FILE]

Answers Chat's webhooks by asking a service elsewhere over gRPC, until SIGINT or
SIGTERM; a second signal ends it at once. While the service is away, fallbacks
answer, and what happened is kept on disk and delivered later. Settings come from
the file (GATEHOUSE_CONFIG, or config/gatehouse.yaml) and from the environment;
README.md lists them, and docs/split-gateway.md says more.

  --service TARGET   the service, such as dns:///gatehouse:9090 (default: ${serviceAddress.env})
  --ca-file FILE     the authorities to know it by in TLS, or "system" (default: ${serviceCaFile.env}, or no TLS)
  --config FILE      the settings file
`,
  async run(args, io) {
    const { values, positionals } = parseFlags(args, {
      service: { type: "string" },
      "ca-file": { type: "string" },
      config: { type: "string" },
    });
    if (positionals.length > 0) throw new UsageError(`gateway takes no argument "${positionals[0]}".`);
    const env = {
      ...(values.service !== undefined && { [serviceAddress.env]: values.service }),
      ...(values["ca-file"] !== undefined && { [serviceCaFile.env]: values["ca-file"] }),
    };
    return runServer(io, values.config, env, async (config, log) => {
      const { startGatewayServer } = await import("../gateway-server.ts");
      const server = await startGatewayServer(config, log);
      return { banner: banner(server, config), stop: server.stop };
    });
  },
};

function banner({ webhook, api }: GatewayServer, config: Config): string {
  const { service, spool } = config;
  return `The gateway is ready.
  webhook  ${urlOf(webhook, config.webhook.tls)}   Chat's webhooks, any path
  api      ${urlOf(api, config.api.tls)}   /healthz, /readyz, /metrics
  service  ${service.address}   asked over gRPC
  spool    ${spool.path}   what the service could not take yet
`;
}
