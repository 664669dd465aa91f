// The import directions of the house (docs/adr/0001): data flows one way, and nothing below imports anything above.

/** Files under `from` may import, of our own sources, only what is under one of `to`. */
const only = (name, from, ...to) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^(src|gen|test|bench)/", pathNot: [from, "^gen/", ...to] },
});

const base = [
  "^src/errors\\.ts$",
  "^src/field-patterns\\.ts$",
  "^src/nearest\\.ts$",
  "^src/process-lock\\.ts$",
  "^src/(timestamp-of-ms|whole-message)\\.ts$",
  "^src/text/",
  "^src/elements/",
];

export default {
  forbidden: [
    only("text-knows-only-itself", "^src/text/"),
    only("elements-know-only-text", "^src/elements/", "^src/text/"),
    only("policy-is-pure", "^src/policy/", "^src/(nearest|field-patterns)\\.ts$", "^src/text/", "^src/elements/"),
    {
      name: "policy-does-no-io",
      severity: "error",
      from: { path: "^src/(policy|text|elements)/" },
      to: { dependencyTypes: ["core"], pathNot: ["^(node:)?crypto$"] },
    },
    only("storage-knows-only-itself", "^src/storage/", ...base),
    { name: "stores-are-strangers", severity: "error", from: { path: "^src/storage/sqlite/" }, to: { path: "^src/storage/postgres/" } },
    { name: "stores-are-strangers-too", severity: "error", from: { path: "^src/storage/postgres/" }, to: { path: "^src/storage/sqlite/" } },
    only(
      "moderation-knows-policy-and-the-contracts",
      "^src/moderation/",
      "^src/policy/",
      "^src/storage/storage\\.ts$",
      "^src/signals/signal-source\\.ts$",
      "^src/outbound/circuit-breaker\\.ts$",
      ...base,
    ),
    only("outbound-knows-only-itself", "^src/outbound/"),
    only("signals-know-only-the-schema", "^src/signals/", "^src/outbound/", ...base),
    only("rpc-knows-moderation-and-the-contract", "^src/rpc/", "^src/moderation/", "^src/storage/storage\\.ts$", ...base),
    only("webhook-knows-only-the-schema", "^src/webhook/", "^src/outbound/", ...base),
    only("listener-knows-only-itself", "^src/listener/", ...base),
    only("spool-knows-only-the-schema", "^src/spool/", ...base),
    only("telemetry-knows-only-itself", "^src/telemetry/"),
    only(
      "cli-is-a-client",
      "^src/cli/",
      "^src/(config|config-values|open-move|server|version)\\.ts$",
      "^src/(gateway-settings|gateway-server)\\.ts$",
      "^src/spool/spool-file\\.ts$",
      "^src/telemetry/logger\\.ts$",
      "^src/policy/",
      "^src/storage/sqlite/",
      "^src/storage/move(-memory)?\\.ts$",
      ...base,
    ),
    {
      name: "only-commands-on-the-file-know-the-database",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "^src/cli/(backup|restore|check|migrate|database-flags)\\.ts$" },
      to: { path: "^src/storage/" },
    },
    {
      name: "commands-on-the-file-know-only-its-keeping",
      severity: "error",
      from: { path: "^src/cli/" },
      to: { path: "^src/storage/", pathNot: "^src/storage/(move(-memory)?|sqlite/(back-up|restore|inspect)-database)\\.ts$" },
    },
    {
      name: "only-policy-commands-know-the-engine",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "^src/cli/policy/" },
      to: { path: "^src/policy/" },
    },
    {
      name: "only-serve-starts-the-service",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/cli/(serve|gateway)\\.ts$"] },
      to: { path: "^src/(server|gateway-server)\\.ts$" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: "tsconfig.json" }, doNotFollow: { path: "node_modules" } },
};
