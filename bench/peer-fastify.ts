// A peer: the same webhook and the same rules as a team would write them with Fastify and better-sqlite3, the lists in sets in memory, one
// commit with synchronous FULL for each request. Takes its database and how many entries the lists have.
import { createRequire } from "node:module";
import Database from "better-sqlite3";
import { entryCount, listEntries } from "./harness/lists.ts";

/** What is used of Fastify, which is installed beside the peers and not in the product. */
interface Fastify {
  post(path: string, options: object, handler: (request: { body: CreateBody; query: Record<string, string> }) => Promise<object>): void;
  listen(options: { host: string; port: number }): Promise<string>;
}

interface CreateBody {
  Operator_Account: string;
  Owner_Account: string;
  Name: string;
  EventTime?: number;
}

interface Creation {
  operator: string;
  owner: string;
  name: string;
  platform: string;
  clientIp: string;
  appId: number;
}

const createFastify = createRequire(new URL("./peers/package.json", import.meta.url))("fastify") as (options: object) => Fastify;
const [database = "", entries = "0"] = process.argv.slice(2);

function setOf(list: string): ReadonlySet<string> {
  const entryAt = listEntries[list] ?? String;
  return new Set(Array.from({ length: entryCount(list, Number(entries)) }, (_, i) => entryAt(i)));
}

const bannedUsers = setOf("banned_users");
const bannedOwners = setOf("banned_owners");
const reservedNames = setOf("reserved_names");
const protectedNames = setOf("protected_names");

const db = new Database(database);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`
  CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    operator TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    event_time INTEGER,
    decide_time INTEGER NOT NULL,
    code INTEGER NOT NULL,
    rule TEXT,
    flags TEXT
  ) STRICT;
  CREATE INDEX decisions_by_operator ON decisions (operator);
  CREATE INDEX decisions_by_owner ON decisions (owner, code);
`);
const countAccounts = db.prepare("SELECT count(*) FROM decisions WHERE owner = ? AND code = 0").pluck();
const insert = db.prepare(
  `INSERT INTO decisions (app_id, operator, owner, name, platform, client_ip, event_time, decide_time, code, rule, flags)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
);

interface Rule {
  id: string;
  /** 0: a flag. */
  code: number;
  message: string;
  holds(creation: Creation): boolean;
}

const deny = (id: string, code: number, holds: Rule["holds"], message = ""): Rule => ({ id, code, message, holds });
const flag = (id: string, holds: Rule["holds"]): Rule => ({ id, code: 0, message: "", holds });

/** Characters, as CEL counts them. */
const size = (text: string) => Array.from(text).length;

/** The rules for creations of bench/policy-50.yaml. */
const rules: Rule[] = [
  deny("name-empty", 120010, ({ name }) => size(name) < 2, "A name has at least 2 characters."),
  deny("name-long", 120011, ({ name }) => size(name) > 60, "A name has at most 60 characters."),
  deny("name-space", 120012, ({ name }) => name.startsWith(" ") || name.endsWith(" ")),
  deny("name-link", 120013, ({ name }) => name.includes("http:") || name.includes("https:")),
  deny("name-at", 120014, ({ name }) => name.includes("@")),
  deny("name-hash", 120015, ({ name }) => name.startsWith("#")),
  deny("banned-operator", 120001, ({ operator }) => bannedUsers.has(operator), "You may not create official accounts."),
  deny("banned-owner", 120002, ({ owner }) => bannedOwners.has(owner), "This user may not own official accounts."),
  deny("reserved-name", 120003, ({ name }) => reservedNames.has(name), "This name is reserved."),
  deny("guest-operator", 120016, ({ operator }) => operator.startsWith("guest-")),
  deny("guest-owner", 120017, ({ owner }) => owner.startsWith("guest-")),
  deny("no-operator", 120018, ({ operator }) => operator === ""),
  deny("no-owner", 120019, ({ owner }) => owner === ""),
  deny("test-platform", 120020, ({ platform }) => platform === "Emulator"),
  deny("inner-network", 120021, ({ clientIp }) => clientIp.startsWith("192.0.2.")),
  flag("for-others", ({ operator, owner, platform, name }) => operator !== owner && platform === "Web" && size(name) > 50),
  deny("retired-app", 120022, ({ appId }) => appId === 1499999999),
  flag("bot-owner", ({ owner }) => owner.startsWith("@RBT#")),
  deny(
    "protected-name",
    120004,
    ({ name }) => protectedNames.has(name.normalize("NFKC").toLowerCase()),
    "This name looks like a protected one.",
  ),
  deny("quota", 120005, ({ owner }) => (countAccounts.get(owner) as number) >= 5, "You have the most channels you can have."),
];

const schema = {
  body: {
    type: "object",
    required: ["Operator_Account", "Owner_Account", "Name"],
    properties: {
      Operator_Account: { type: "string" },
      Owner_Account: { type: "string" },
      Name: { type: "string" },
      EventTime: { type: "integer" },
    },
  },
  response: {
    200: {
      type: "object",
      properties: { ActionStatus: { type: "string" }, ErrorCode: { type: "integer" }, ErrorInfo: { type: "string" } },
    },
  },
};

const app = createFastify({ logger: false });
app.post("/", { schema }, async ({ body, query }) => {
  const creation: Creation = {
    operator: body.Operator_Account,
    owner: body.Owner_Account,
    name: body.Name,
    platform: query.OptPlatform ?? "",
    clientIp: query.ClientIP ?? "",
    appId: Number(query.SdkAppid),
  };
  const flags: string[] = [];
  let denied: Rule | undefined;
  for (const rule of rules) {
    if (!rule.holds(creation)) continue;
    if (rule.code !== 0) {
      denied = rule;
      break;
    }
    flags.push(rule.id);
  }
  const { operator, owner, name, platform, clientIp, appId } = creation;
  const code = denied?.code ?? 0;
  const kept = flags.length === 0 ? null : flags.join(",");
  insert.run(appId, operator, owner, name, platform, clientIp, body.EventTime ?? null, Date.now(), code, denied?.id ?? null, kept);
  return { ActionStatus: "OK", ErrorCode: code, ErrorInfo: denied?.message ?? "" };
});

const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`listening on ${new URL(address).port}\n`);
process.on("SIGTERM", () => {
  db.close();
  process.exit(0);
});
