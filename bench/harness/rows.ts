// The rows of the table: what is started, what load it gets, and how its answers are known to be right.
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fromBinary } from "@bufbuild/protobuf";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecideResponseSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { askGrpc, askHttp } from "./ask.ts";
import { type Prepared, startGatehouse } from "./gatehouse.ts";
import type { LoadResult, LoadRun } from "./load.ts";
import { runGrpcLoad, runPacedLoad } from "./own-load.ts";
import { cerbosDenies, cerbosGrpc, cerbosHttp, startCerbos, startFastify } from "./peers.ts";
import { startOverPostgres } from "./postgres.ts";
import { pinnedNode, type ServerProcess, startServer } from "./processes.ts";
import {
  afterWebhook,
  connectDecide,
  createWebhook,
  firstRequest,
  grpcDecide,
  type HttpRequest,
  render,
  subscribeWebhook,
  type Template,
} from "./requests.ts";
import { runWrk } from "./wrk.ts";

/** What every row is measured with. */
export interface BenchContext {
  /** The filled database of Gatehouse. */
  prepared: Prepared;
  /** How many entries each exact list has. */
  entries: number;
}

/** A server under load. */
export interface RowServer extends ServerProcess {
  /** Throws unless the server has really done what it answered. */
  check?(requests: number): Promise<void>;
}

/** One row. */
export interface Row {
  name: string;
  /** What it needs besides Node and the product. */
  needs: "wrk" | "peers" | "wrk and peers" | "nothing";
  /** By what the load comes, for the report. */
  load: string;
  /** Starts the server in a folder of its own; `nodeFlags` are for profiles, and only Gatehouse takes them. */
  start(folder: string, context: BenchContext, nodeFlags?: readonly string[]): Promise<RowServer>;
  /** Its server takes seconds to start: in a quick run the rows with the same `start` share one. Default: false. */
  startsSlowly?: boolean;
  /** Throws unless requests are answered as they must be: where it can be told, one that is allowed and one that is denied. */
  probe(server: RowServer, context: BenchContext): Promise<void>;
  run(server: RowServer, folder: string, run: LoadRun): Promise<LoadResult>;
}

/** The connections, or calls in flight, of every row. */
export const connections = 64;

/** The rate of the row that measures latency below saturation. */
const pacedRequestsPerSecond = 2000;

/** Where the numbers of the requests begin that are sent before a measurement, beyond those of the load. */
const firstProbe = 9_900_000;

type Denies = (answer: Buffer) => boolean;

const portOf = (server: RowServer, name: string) => server.ports[name] ?? 0;
const wrkLoad = `wrk, ${connections} connections, each request different`;
const grpcLoad = `bench/grpc-load.ts, ${connections} calls in flight on 8 connections, each call different`;

/** Asks for one that must be allowed and one that must be denied. */
async function probeBoth(template: Template, entries: number, denies: Denies, ask: (n: number) => Promise<Buffer>): Promise<void> {
  for (const expected of [false, true]) {
    const answer = await ask(firstRequest(template, firstProbe, expected, entries));
    if (denies(answer) !== expected) {
      throw new Error(`a request that must be ${expected ? "denied" : "allowed"} is answered ${answer.toString("latin1").slice(0, 300)}`);
    }
  }
}

/** The part of a row over HTTP/1.1 that is the same for all of them. */
function overHttp(portName: string, request: HttpRequest, denies: Denies | "echo" | "ok"): Pick<Row, "probe" | "run" | "load"> {
  return {
    load: wrkLoad,
    async probe(server, { entries }) {
      const ask = (n: number) => askHttp(portOf(server, portName), request, n);
      if (typeof denies === "function") return probeBoth(request.body, entries, denies, ask);
      const n = firstRequest(request.body, firstProbe, false, entries);
      const answer = (await ask(n)).toString("latin1");
      const isRight = denies === "echo" ? answer === render(request.body, n) : webhookError(answer) === 0;
      if (!isRight) throw new Error(`a request is answered ${answer.slice(0, 300)}`);
    },
    run: (server, folder, run) => runWrk(folder, portOf(server, portName), request, run),
  };
}

function overGrpc(call: { path: string; message: Template }, denies: Denies | "ok"): Pick<Row, "probe" | "run" | "load"> {
  return {
    load: grpcLoad,
    async probe(server, { entries }) {
      const ask = (n: number) => askGrpc(portOf(server, "grpc"), call, n);
      if (denies === "ok") await ask(firstProbe);
      else await probeBoth(call.message, entries, denies, ask);
    },
    run: (server, _folder, run) => runGrpcLoad(portOf(server, "grpc"), call, run),
  };
}

function webhookError(answer: string): number {
  const { ActionStatus, ErrorCode } = JSON.parse(answer) as { ActionStatus?: string; ErrorCode?: number };
  if (ActionStatus !== "OK" || ErrorCode === undefined) throw new Error(`a webhook is answered ${answer.slice(0, 300)}`);
  return ErrorCode;
}

const webhookDenies: Denies = (answer) => webhookError(answer.toString("utf8")) !== 0;
const decisionDenies: Denies = (answer) => fromBinary(DecideResponseSchema, answer).decision?.verdict === Verdict.DENY;
const jsonDecisionDenies: Denies = (answer) => JSON.parse(answer.toString("utf8")).decision.verdict === "VERDICT_DENY";

const gatehouse = (folder: string, { prepared }: BenchContext, nodeFlags?: readonly string[]) =>
  startGatehouse(folder, prepared, nodeFlags);
const overPostgres = (folder: string, { prepared, entries }: BenchContext, nodeFlags?: readonly string[]) =>
  startOverPostgres(folder, prepared, entries, nodeFlags);
const cerbos = (folder: string, { entries }: BenchContext) => startCerbos(folder, entries);

function startFloor(script: string, portName: string): Promise<ServerProcess> {
  return startServer({
    command: [pinnedNode(), script],
    ready(output) {
      const port = /listening on (\d+)/.exec(output)?.[1];
      return port === undefined ? undefined : { [portName]: Number(port) };
    },
  });
}

/** The floor without a network measures itself: it is told of each run, and answers it, in a line. */
const floorSqlite: Omit<Row, "name"> = {
  needs: "nothing",
  load: `in its own process, ${connections} rows in a transaction`,
  start: (folder) =>
    startServer({
      command: [pinnedNode(), "bench/floor-sqlite.ts", join(folder, "floor.db")],
      ready: (output) => (output.includes("ready\n") ? {} : undefined),
    }),
  probe: () => Promise.resolve(),
  async run({ child }, _folder, run) {
    if (child.stdin === null || child.stdout === null) throw new Error("the floor has no pipes");
    const lines = createInterface({ input: child.stdout });
    child.stdin.write(`${JSON.stringify(run)}\n`);
    const [line] = (await once(lines, "line")) as [string];
    lines.close();
    return JSON.parse(line) as LoadResult;
  },
};

/** Every row, in the order of the table. */
export const rows: readonly Row[] = [
  {
    name: "floor_http",
    needs: "wrk",
    start: () => startFloor("bench/floor-http.ts", "webhook"),
    ...overHttp("webhook", createWebhook, "echo"),
  },
  { name: "floor_grpc", needs: "nothing", start: () => startFloor("bench/floor-grpc.ts", "grpc"), ...overGrpc(grpcDecide, "ok") },
  { name: "floor_sqlite", ...floorSqlite },
  { name: "webhook_create", needs: "wrk", start: gatehouse, ...overHttp("webhook", createWebhook, webhookDenies) },
  { name: "webhook_subscribe_1", needs: "wrk", start: gatehouse, ...overHttp("webhook", subscribeWebhook(1), "ok") },
  { name: "webhook_subscribe_100", needs: "wrk", start: gatehouse, ...overHttp("webhook", subscribeWebhook(100), "ok") },
  { name: "webhook_after", needs: "wrk", start: gatehouse, ...overHttp("webhook", afterWebhook, "ok") },
  { name: "grpc_decide", needs: "nothing", start: gatehouse, ...overGrpc(grpcDecide, decisionDenies) },
  { name: "connect_decide", needs: "wrk", start: gatehouse, ...overHttp("api", connectDecide, jsonDecisionDenies) },
  {
    name: "webhook_create_at_2000",
    needs: "nothing",
    start: gatehouse,
    ...overHttp("webhook", createWebhook, webhookDenies),
    load: `bench/paced-load.ts, ${pacedRequestsPerSecond} requests/s whatever the answers take, ${connections} connections, each request different`,
    run: (server, _folder, run) => runPacedLoad(portOf(server, "webhook"), createWebhook, run, pacedRequestsPerSecond),
  },
  {
    name: "pg_webhook_create",
    needs: "wrk",
    start: overPostgres,
    startsSlowly: true,
    ...overHttp("webhook", createWebhook, webhookDenies),
  },
  { name: "pg_grpc_decide", needs: "nothing", start: overPostgres, startsSlowly: true, ...overGrpc(grpcDecide, decisionDenies) },
  {
    name: "peer_fastify",
    needs: "wrk and peers",
    start: (folder, { entries }) => startFastify(folder, entries),
    ...overHttp("webhook", createWebhook, webhookDenies),
  },
  {
    name: "peer_cerbos_http",
    needs: "wrk and peers",
    start: cerbos,
    startsSlowly: true,
    ...overHttp("http", cerbosHttp, cerbosDenies),
  },
  { name: "peer_cerbos_grpc", needs: "peers", start: cerbos, startsSlowly: true, ...overGrpc(cerbosGrpc, cerbosDenies) },
];

/** The ratios of the requests per second that are reported: ours, and what it is compared with. */
export const ratios: readonly (readonly [ours: string, other: string])[] = [
  ["webhook_create", "floor_http"],
  ["webhook_after", "floor_http"],
  ["grpc_decide", "floor_grpc"],
  ["pg_webhook_create", "webhook_create"],
  ["pg_grpc_decide", "grpc_decide"],
  ["webhook_create", "peer_fastify"],
  ["webhook_create", "peer_cerbos_http"],
  ["grpc_decide", "peer_cerbos_grpc"],
];
