// A lock that somebody holds in PostgreSQL: the webhook is answered in time, the server is not kept busy for it any longer, and nothing is lost.
import { createClient } from "@connectrpc/connect";
import pg from "pg";
import { describe, expect, it, vi } from "vitest";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { startGatehouse } from "../gatehouse.ts";
import { databaseOf, isPostgres } from "../test-database.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const allowed = { status: 200, answer: { ActionStatus: "OK", ErrorCode: 0, ErrorInfo: "" } };

const lockHead = "UPDATE log_head SET checks = checks + 1";
const waiting = `SELECT pid, query_start::text AS since FROM pg_stat_activity
  WHERE application_name = 'gatehouse' AND state = 'active' AND query LIKE '%gatehouse_commit%' AND datname = current_database()`;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, statement_timeout: 5000 });
  await client.connect();
  return client;
}

describe.runIf(isPostgres)("a lock that somebody holds", () => {
  it("is not waited for by a webhook that has been answered, whose decision is made when it is free", async () => {
    await using gatehouse = await startGatehouse();
    await gatehouse.post(beforeCreate, { Operator_Account: "ann", Owner_Account: "ann", Name: "before" });
    const url = await databaseOf(gatehouse.folder);
    const [holder, patient, observer] = await Promise.all([connect(url), connect(url), connect(url)]);
    await holder.query(`BEGIN; ${lockHead}`);
    // Waits for the same lock, and for as long as any statement may take.
    let isPatient = true;
    const waits = patient.query(lockHead).finally(() => {
      isPatient = false;
    });
    const answer = gatehouse.post(beforeCreate, { Operator_Account: "ann", Owner_Account: "ann", Name: "while" });
    const first = await vi.waitUntil(async () => (await observer.query<{ pid: number; since: string }>(waiting)).rows[0], {
      timeout: 5000,
      interval: 10,
    });
    await vi.waitUntil(async () => !(await observer.query<{ since: string }>(waiting)).rows.some(({ since }) => since === first?.since), {
      timeout: 15_000,
      interval: 10,
    });
    expect(isPatient).toBe(true);
    await holder.query("COMMIT");
    await waits;
    expect(await answer).toEqual(allowed);
    const client = createClient(DecisionService, gatehouse.server.localDoor);
    const listed = async () => (await client.listDecisions({})).decisions;
    await vi.waitUntil(async () => (await listed()).length === 2, { timeout: 15_000 });
    const [late] = await listed();
    expect(late).toMatchObject({ degraded: true, verdict: Verdict.ALLOW, degradedCause: DegradedCause.DEADLINE });
    await Promise.all([holder.end(), patient.end(), observer.end()]);
  }, 60_000);
});
