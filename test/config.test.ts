// Settings: the file, the variables, the defaults, and what is said of wrong ones.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadConfig, readConfig, settings } from "../src/config.ts";

const problemsOf = (text: string, env: Record<string, string> = {}) => readConfig(env, text, "g.yaml").problems;

describe("settings", () => {
  it("have the defaults of the table when only the app is given", () => {
    const { config } = readConfig({ GATEHOUSE_APPS: "1400000000" }, "", "g.yaml");
    expect(config).toEqual({
      apps: [{ id: 1400000000, tokens: [], locale: "" }],
      webhook: {
        listen: { host: "127.0.0.1", port: 8080 },
        budgets: { createAccount: 1500, addSubscribers: 1500, sendMessage: 1500, events: 1500 },
        maxBodyBytes: 262144,
        maxInFlight: 2000,
        maxUnrecorded: 20000,
        signWindowSeconds: 60,
        trustedProxies: [],
        proxyHeader: "x-forwarded-for",
        limits: { maxConnections: 10_000, maxHeaderBytes: 16_384, requestTimeoutMs: 10_000, keepAliveMs: 75_000 },
        fallback: { createAccount: "allow", addSubscribers: "allow", sendMessage: "allow" },
      },
      api: {
        listen: { host: "127.0.0.1", port: 8081 },
        corsOrigins: [],
        maxMessageBytes: 4_194_304,
        limits: { maxConnections: 1000, maxHeaderBytes: 16_384, requestTimeoutMs: 300_000, keepAliveMs: 75_000 },
      },
      grpc: { listen: { host: "127.0.0.1", port: 9090 }, maxConnections: 1000, maxCallsPerConnection: 1000, maxMessageBytes: 4_194_304 },
      auth: { required: "auto", bootstrapKey: undefined, jwt: undefined },
      rpc: { maxInFlight: 2000, keyMaxPerSecond: undefined },
      database: "data/gatehouse.db",
      policy: "config/policy.yaml",
      reservationSeconds: 300,
      retention: { allowedDecisions: 0, flaggedDecisions: 0, subscriptionEvents: 0, messageEvents: 0, accountEvents: 0 },
      forward: [],
      tap: [],
      signals: [],
      followUpSeconds: 86_400,
      followUpMessageBypassCases: false,
      service: { address: undefined, caFile: undefined, certFile: undefined, keyFile: undefined, apiKey: undefined },
      spool: { path: "data/gateway-spool.db", maxBytes: 268435456 },
      log: { level: "info" },
    });
  });

  it("of the starter configuration are the defaults", () => {
    expect(loadConfig({}).config).toEqual(readConfig({ GATEHOUSE_APPS: "1400000000" }, "", "none").config);
  });

  it("are read from the file, and variables go before it", () => {
    const text = `apps: [{ id: 5, tokens: [a, b], locale: zh-hans, max_per_second: 50 }, 6]
webhook: { listen: '[::1]:0', budget_ms: 100, budgets: { events: 50, add_subscribers: 20 } }
database: x.db`;
    expect(
      readConfig({ GATEHOUSE_WEBHOOK_BUDGET_MS: "200", GATEHOUSE_WEBHOOK_BUDGETS_ADD_SUBSCRIBERS: "30" }, text, "g.yaml").config,
    ).toMatchObject({
      apps: [
        { id: 5, tokens: ["a", "b"], locale: "zh-Hans", maxPerSecond: 50 },
        { id: 6, tokens: [], locale: "" },
      ],
      webhook: { listen: { host: "::1", port: 0 }, budgets: { createAccount: 200, addSubscribers: 30, sendMessage: 200, events: 50 } },
      database: "x.db",
    });
  });

  it.each([
    "gatehouse:9090",
    "dns:///gatehouse:9090",
    "dns:///[::1]:9090",
    "[::1]:9090",
    "ipv4:10.0.0.1:9090,10.0.0.2:9090",
    "unix:/run/gatehouse",
  ])("take %s as the service's address", (address) => {
    expect(readConfig({ GATEHOUSE_APPS: "5", GATEHOUSE_SERVICE: address }, "", "g").config?.service.address).toBe(address);
  });

  it("take apps with tokens from the variable", () => {
    expect(readConfig({ GATEHOUSE_APPS: "1400000000=tokenA|tokenB, 1400000001" }, "", "g").config?.apps).toEqual([
      { id: 1400000000, tokens: ["tokenA", "tokenB"], locale: "" },
      { id: 1400000001, tokens: [], locale: "" },
    ]);
  });

  it("take forwards from the variable", () => {
    const config = readConfig({ GATEHOUSE_FORWARD: "Group.*=http://a:1/b?c=d, *=https://e/" }, "apps: [5]", "g").config;
    expect(config?.forward.map(({ commands, url, fallback }) => [commands, url.href, fallback])).toEqual([
      ["Group.*", "http://a:1/b?c=d", "allow"],
      ["*", "https://e/", "allow"],
    ]);
    expect(problemsOf("apps: [5]", { GATEHOUSE_TAP: "x" })).toEqual([
      'GATEHOUSE_TAP: a tap must be commands=url, such as Group.*=http://127.0.0.1:9000/chat, not "x".',
    ]);
  });

  it("take signals from the file and from the variable, and tell all that is wrong with them", () => {
    const text =
      "apps: [5]\nsignals: { a: { url: 'https://a/b?c', on_failure: 0.5 }, b: { grpc: 'dns:///b:1', on_failure: 1, rest_ms: 100 } }";
    const counts = { timeoutMs: 300, cacheSeconds: 300, cacheEntries: 10_000, maxConnections: 16, maxQueue: 256, restAfter: 5 };
    const rest = { token: undefined, caFile: undefined, ...counts };
    const [a, b] = readConfig({}, text, "g").config?.signals ?? [];
    expect(a).toEqual({ name: "a", at: { kind: "http", url: new URL("https://a/b?c") }, onFailure: 0.5, ...rest, restMs: 5000 });
    expect(b).toEqual({ name: "b", at: { kind: "grpc", target: "dns:///b:1" }, onFailure: 1, ...rest, restMs: 100 });
    const env = { GATEHOUSE_SIGNALS: '{"c": {"url": "http://c/", "on_failure": 0, "token": "t", "ca_file": "ca.pem"}}' };
    expect(readConfig(env, text, "g").config?.signals).toMatchObject([{ name: "c", token: "t", caFile: "ca.pem" }]);
    expect(problemsOf("apps: [5]", { GATEHOUSE_SIGNALS: "c=http://c/" })).toEqual([
      expect.stringMatching(/^GATEHOUSE_SIGNALS: must be JSON/),
    ]);
    expect(problemsOf("apps: [5]\nsignals: { a: {}, b: { on_failure: 1 } }")).toEqual([
      expect.stringMatching(/^g.yaml:2: signals: a: on_failure must be a number.* b: give either url/),
    ]);
  });

  it("of listeners are read from the file and from variables", () => {
    const text = `
apps: [{ id: 5, path_secret: 0123456789abcdef, query_secret: ABCDEF-_.~abcdef }]
webhook:
  trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
  proxy_header: forwarded
  tls: { cert_file: a.crt, key_file: a.key }
api: { cors_origins: ["https://a.example"], tls: { cert_file: b.crt, key_file: b.key, client_ca_file: c.crt } }
`;
    const env = { GATEHOUSE_API_CORS_ORIGINS: "https://b.example, http://localhost:3000", GATEHOUSE_WEBHOOK_KEEP_ALIVE_SECONDS: "5" };
    expect(readConfig(env, text, "g.yaml").config).toMatchObject({
      apps: [{ id: 5, pathSecret: "0123456789abcdef", querySecret: "ABCDEF-_.~abcdef" }],
      webhook: {
        trustedProxies: ["10.0.0.0/8", "2001:db8::/32"],
        proxyHeader: "forwarded",
        limits: { keepAliveMs: 5000 },
        tls: { certFile: "a.crt", keyFile: "a.key", clientCaFile: undefined },
      },
      api: {
        corsOrigins: ["https://b.example", "http://localhost:3000"],
        tls: { certFile: "b.crt", keyFile: "b.key", clientCaFile: "c.crt" },
      },
      grpc: { tls: undefined },
    });
  });

  it("are all checked before anything is said", () => {
    const text = "webhok: {}\nwebhook: { budget_ms: soon, fallback: { create_account: maybe } }\nlog: { level: 3 }";
    expect(problemsOf(text, { GATEHOUSE_API_LISTEN: "0.0.0.0" })).toEqual([
      "g.yaml:1: webhok: no such setting.",
      'apps: at least one app must be given, by its SDKAppID: set GATEHOUSE_APPS=1400000000, or "apps" in the file.',
      'g.yaml:2: webhook.budget_ms: must be a whole number from 10 to 1900, not "soon".',
      'g.yaml:2: webhook.fallback.create_account: must be one of allow, deny, not "maybe".',
      'GATEHOUSE_API_LISTEN: must be host:port, such as 127.0.0.1:8080, not "0.0.0.0".',
      'g.yaml:3: log.level: must be one of trace, debug, info, warn, error, silent, not "3".',
    ]);
  });

  it.each([
    ["apps: 5", "must be a list of apps"],
    ["apps: [x]", "each app must be a number"],
    ["apps: [{ id: x }]", '"x" is not an SDKAppID'],
    ["apps: [{ id: 5, tokken: a }]", 'an app has no "tokken"'],
    ["apps: [{ id: 5, tokens: [1] }]", "a token of app 5 is empty or not text"],
    ["apps: [{ id: 5, locale: '!' }]", "the locale of app 5 must be a language tag such as zh or pt-BR"],
    ["apps: [{ id: 5, max_per_second: 0 }]", "the max_per_second of app 5 must be a whole number from 1 to 1000000"],
    ["apps: [5]\nwebhook: { budgets: { events: 2000 } }", "webhook.budgets.events: must be a whole number from 10 to 1900"],
    ["apps: [5, 5]", "app 5 is given twice"],
    ["apps: [5000000000]", "is not an SDKAppID"],
    ["apps: [5]\nwebhook: { listen: 8080 }", "must be host:port"],
    ["apps: [5]\nwebhook: { listen: 'a:99999' }", "must be host:port"],
    ["apps: [5]\nwebhook: 3", "webhook must be a mapping of settings"],
    ["apps: [5]\npolicy:", "must be text, not nothing"],
    ["apps: [5]\ndatabase: mysql://x/y", "must be a path to an SQLite file, such as data/gatehouse.db, or postgres://"],
    ["apps: [5]\ndatabase: postgres://x", "names no database"],
    ["apps: [5]\ndatabase: 'postgres://u:p#w@x/y'", "special characters of a password are written as"],
    ["apps: [5]\ndatabase: 'postgres://u:p@x:1,y:z/d'", "special characters of a password are written as"],
    ["apps: [5]\ndatabase: postgres://x:1,y:2/d?target_session_attrs=standby", "the one that takes writes is used"],
    ["apps: [5]\nforward: { commands: a }", "must be a list, such as"],
    ["apps: [5]\nforward: [{ url: 'http://x/' }]", "a forward needs commands, a glob"],
    ["apps: [5]\nforward: [{ commands: '*', url: 'ftp://x/' }]", "the url of a forward must be one such as"],
    ["apps: [5]\nforward: [{ commands: '*', url: 'http://x/', timeout_ms: 5000 }]", "timeout_ms must be a whole number from 10 to 1900"],
    ["apps: [5]\nforward: [{ commands: '*', url: 'http://x/', fallback: maybe }]", 'must be "allow" or "deny"'],
    ["apps: [5]\nforward: [{ commands: '*', url: 'http://x/', retries: 3 }]", 'a forward has no "retries"'],
    ["apps: [5]\ntap: [{ commands: '*', url: 'http://x/', fallback: deny }]", "a tap has no fallback"],
    ["apps: [5]\nsignals: [x]", "must be a mapping, such as"],
    ["apps: [5]\nsignals: { 5x: { url: 'http://x/', on_failure: 0 } }", "5x: the name of a signal is a letter, then"],
    ["apps: [5]\nsignals: { x: http }", "x: a signal must have a url or grpc, and on_failure"],
    ["apps: [5]\nsignals: { x: { url: 'http://x/' } }", "x: on_failure must be a number"],
    ["apps: [5]\nsignals: { x: { on_failure: 0 } }", "x: give either url"],
    ["apps: [5]\nsignals: { x: { on_failure: 0, url: 'http://x/', grpc: 'a:1' } }", "x: give either url"],
    ["apps: [5]\nsignals: { x: { on_failure: 0, url: 'http://u:p@x/' } }", "x: url must be one such as"],
    ["apps: [5]\nsignals: { x: { on_failure: 0, grpc: 'http://x/' } }", "x: must be a gRPC target with a port"],
    [
      "apps: [5]\nsignals: { x: { on_failure: 0, url: 'http://x/', timeout: 5 } }",
      'x: a signal has no "timeout"; it has url, grpc, on_failure',
    ],
    [
      "apps: [5]\nsignals: { x: { on_failure: 0, url: 'http://x/', timeout_ms: 5 } }",
      "x: timeout_ms must be a whole number from 10 to 10000",
    ],
    ["apps: [5]\nsignals: { x: { on_failure: 0, url: 'http://x/', token: 'a b' } }", "x: token must be text without spaces"],
    ["apps: [5]\nauth: { required: never }", "must be one of auto, always"],
    ["apps: [5]\nauth: { bootstrap_key: 'short' }", "must be 32 to 500 characters"],
    ["apps: [5]\nauth: { jwt: { issuer: a, jwks_file: b } }", "tokens cannot be checked without auth.jwt.audience: set that"],
    ["apps: [5]\nauth: { jwt: { audience: a } }", "without auth.jwt.issuer, one of auth.jwt.jwks_url and auth.jwt.jwks_file"],
    ["apps: [5]\nauth: { jwt: { issuer: a, audience: b, jwks_file: c, jwks_url: 'https://d' } }", "set jwks_url or jwks_file, not both"],
    ["apps: [5]\nauth: { jwt: { issuer: a, audience: b, jwks_url: 'http://d' } }", "must be an https address"],
    ["apps: [{ id: 5, path_secret: short }]", "the path_secret of app 5 must be 16 to 256 letters"],
    ["apps: [{ id: 5, query_secret: 'has a space in it' }]", "the query_secret of app 5 must be 16 to 256 letters"],
    ["apps: [5]\nwebhook: { trusted_proxies: [10.0.0.1/8] }", '"10.0.0.1/8" has bits set after its first 8'],
    ["apps: [5]\nwebhook: { trusted_proxies: 5 }", "must be a list of texts"],
    ["apps: [5]\nwebhook: { proxy_header: via }", "must be one of x-forwarded-for, forwarded"],
    ["apps: [5]\nwebhook: { tls: { client_ca_file: x } }", "webhook.tls.client_ca_file: no such setting"],
    ["apps: [5]\nwebhook: { tls: { cert_file: x } }", "webhook.tls: needs both cert_file and key_file"],
    ["apps: [5]\ngrpc: { tls: { client_ca_file: x } }", "grpc.tls: needs both cert_file and key_file"],
    ["apps: [5]\napi: { cors_origins: ['*'] }", '"*" is not an origin'],
    ["apps: [5]\napi: { cors_origins: ['https://a.example/'] }", '"https://a.example/" is not an origin'],
    ["apps: [5]\nservice: { address: 'http://a:1' }", "must be a gRPC target with a port, such as dns:///gatehouse:9090"],
    ["apps: [5]\nservice: { address: dns:///a }", "must be a gRPC target with a port"],
    ["apps: [", "g.yaml:"],
    ["- a", "the file must be a mapping of settings"],
  ])("refuse %j", (text, message) => {
    expect(problemsOf(text).join("\n")).toContain(message);
  });

  it("take the issuer of tokens, and never repeat a bootstrap key", () => {
    const text = "apps: [5]\nauth: { jwt: { issuer: a, audience: b, jwks_url: 'http://127.0.0.1:1/keys', app_claim: apps } }";
    expect(readConfig({ GATEHOUSE_AUTH_BOOTSTRAP_KEY: "k".repeat(32) }, text, "g").config?.auth).toEqual({
      required: "auto",
      bootstrapKey: "k".repeat(32),
      jwt: { issuer: "a", audience: "b", jwks: { url: "http://127.0.0.1:1/keys" }, roleClaim: "gatehouse_roles", appClaim: "apps" },
    });
    expect(problemsOf("apps: [5]", { GATEHOUSE_AUTH_BOOTSTRAP_KEY: "secret".repeat(100) }).join()).not.toContain("secret");
  });

  it("warn of variables that look like settings: container platforms make some", () => {
    const read = readConfig({ GATEHOUSE_APPS: "5", GATEHOUSE_POLICEY: "x", GATEHOUSE_SERVER: "y", GATEHOUSE_API_KEY: "z" }, "", "g");
    expect(read.config === undefined ? [] : read.warnings).toEqual([
      'GATEHOUSE_POLICEY: no such setting; ignored. Did you mean "GATEHOUSE_POLICY"?',
    ]);
  });

  it("say when the named file is not there", () => {
    expect(loadConfig({ GATEHOUSE_CONFIG: "/no/such.yaml" }).problems.join()).toContain("/no/such.yaml: cannot be read: ENOENT");
  });

  it("stand in the README as they are", () => {
    const readme = readFileSync("README.md", "utf8");
    for (const { key, env, default: value, meaning } of Object.values(settings)) {
      expect(readme).toContain(`| \`${key}\` | \`${env}\` | ${value === "" ? "" : `\`${value}\``} | ${meaning} |`);
    }
  });
});
