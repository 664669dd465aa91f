// A process that appends to the store in a file and prints the id of each decision that was answered, until it is killed.
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { baseMs, sampleDecision, sha256 } from "../samples.ts";

const store = await openSqliteStore({ path: process.argv[2] ?? "" });
process.stdout.write("open\n");

async function appendForever(): Promise<never> {
  while (true) {
    const result = await store.appendDecision(baseMs, () => ({ decision: sampleDecision(), actionDigest: sha256(""), counts: [] }));
    if (result.kind === "appended") process.stdout.write(`${result.decision.decisionId}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, appendForever));
