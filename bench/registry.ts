// What a large registry of accounts costs: `npm run bench:registry`. Fills a database through the store, and reads it in a fresh process.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pinnedNode } from "./harness/processes.ts";
import { fillRegistry } from "./registry/fill.ts";

const usage = `Usage: npm run bench:registry -- [flags]

  --accounts N       accounts (1000000)
  --events N         events, of which each account has one that creates it (5000000)
  --quick            2000 accounts and 10000 events
  --database FILE    keeps the database here, and reads the one that is here instead of filling it
`;

function count(flag: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${flag} must be a whole number from 1 on, not "${value}".`);
  return number;
}

const { values } = parseArgs({
  options: {
    accounts: { type: "string" },
    events: { type: "string" },
    quick: { type: "boolean", default: false },
    database: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
} else {
  const accounts = count("accounts", values.accounts ?? (values.quick ? "2000" : "1000000"));
  const events = count("events", values.events ?? (values.quick ? "10000" : "5000000"));
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  const path = values.database ?? join(folder, "registry.db");
  try {
    if (!existsSync(path)) {
      const seconds = await fillRegistry(path, accounts, events, (line) => process.stderr.write(`${line}\n`));
      process.stdout.write(`filled with ${accounts} accounts and ${events} events in ${seconds.toFixed(0)} s, `);
      process.stdout.write(`${Math.round(events / seconds)} events/s; the file has ${Math.round(statSync(path).size / 2 ** 20)} MB\n`);
    }
    const reading = fileURLToPath(new URL("./registry/read.ts", import.meta.url));
    execFileSync(pinnedNode(), [reading, path, String(accounts)], { stdio: "inherit" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
