// Commits in PostgreSQL of which nobody hears: the server has done them, and the connection ends before it says so.
import { type Client, createClient } from "@connectrpc/connect";
import pg from "pg";
import { describe, expect, it, vi } from "vitest";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { startGatehouse } from "../gatehouse.ts";
import { type PostgresServer, startPostgres } from "../postgres-server.ts";
import { isPostgres } from "../test-database.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const creation = { Operator_Account: "ann", Owner_Account: "ann", Name: "once" };
const allowed = { status: 200, answer: { ActionStatus: "OK", ErrorCode: 0, ErrorInfo: "" } };

/** Commits then wait for a standby that there is not, when they are on the server's own disk already. */
const waitForNobody = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";
const waitNoMore = "ALTER SYSTEM RESET synchronous_standby_names";
const reload = "SELECT pg_reload_conf()";
const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%gatehouse_commit%'";

/** Longer than a webhook waits, and than a server that is only busy takes to answer. */
const longOutageMs = 3000;

/** Waits until the server has read what was set: a commit of our own waits then. */
async function untilCommitsWait(url: string): Promise<void> {
  const [writer, observer] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
  writer.on("error", () => {});
  await Promise.all([writer.connect(), observer.connect()]);
  const endWaiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  await vi.waitUntil(
    async () => {
      void writer.query("SELECT pg_logical_emit_message(true, 'test', '')").catch(() => {});
      return (await observer.query(endWaiting)).rowCount === 1;
    },
    { timeout: 10_000 },
  );
  await observer.end();
}

async function untilOneWaits(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await vi.waitUntil(async () => (await client.query(waiting)).rowCount === 1, { timeout: 10_000 });
  await client.end();
}

async function decisionsOf(client: Client<typeof DecisionService>) {
  const { decisions } = await client.listDecisions({});
  return decisions.map(({ action, degraded }) => ({ name: action.case === "createAccount" && action.value.name, degraded }));
}

describe.runIf(isPostgres)("a commit of which nobody hears", () => {
  async function begin(server: PostgresServer) {
    const url = await server.takeDatabase();
    const gatehouse = await startGatehouse({ env: { GATEHOUSE_DATABASE: url } });
    await server.run(waitForNobody);
    await server.run(reload);
    await untilCommitsWait(url);
    const answer = gatehouse.post(beforeCreate, creation);
    await untilOneWaits(url);
    await server.run(waitNoMore);
    return { gatehouse, answer };
  }

  it("is the answer of its webhook when the server is there to ask", async () => {
    await using server = await startPostgres([]);
    const { gatehouse, answer } = await begin(server);
    await using _ = gatehouse;
    await server.run(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS w`);
    await server.run(reload);
    expect(await answer).toEqual(allowed);
    expect((await decisionsOf(createClient(DecisionService, gatehouse.server.localDoor))).map(({ name }) => name)).toEqual(["once"]);
  }, 60_000);

  it("is the one decision of its webhook, which the fallback has answered, when the server comes back later", async () => {
    await using server = await startPostgres([]);
    const { gatehouse, answer } = await begin(server);
    await using _ = gatehouse;
    await server.kill();
    const backMs = performance.now() + longOutageMs;
    expect(await answer).toEqual(allowed);
    await vi.waitUntil(() => performance.now() > backMs, { timeout: 2 * longOutageMs });
    await server.start();
    const decisions = createClient(DecisionService, gatehouse.server.localDoor);
    await vi.waitUntil(async () => (await decisionsOf(decisions).catch(() => [])).some(({ degraded }) => degraded), { timeout: 20_000 });
    expect(await decisionsOf(decisions)).toEqual([{ name: "once", degraded: true }]);
  }, 60_000);
});
