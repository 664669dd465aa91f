// The benches run: what they send, how they read what they get, and a tiny run of some rows.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lineChart } from "../../bench/harness/chart.ts";
import { fillDecisions } from "../../bench/harness/fill-decisions.ts";
import { checkMetrics } from "../../bench/harness/gatehouse.ts";
import { readH2loadOutput } from "../../bench/harness/h2load.ts";
import { readOptions } from "../../bench/harness/options.ts";
import { cerbosDenies, cerbosPolicy } from "../../bench/harness/peers.ts";
import { benchPolicy, grownPolicy } from "../../bench/harness/policy-text.ts";
import { findProgram } from "../../bench/harness/processes.ts";
import { type CpuProfile, topFrames } from "../../bench/harness/profile.ts";
import { formatReport, readHistory, saveReport } from "../../bench/harness/report.ts";
import { afterWebhook, createWebhook, grpcDecide, idSpace, render, subscribeWebhook } from "../../bench/harness/requests.ts";
import { median, medians, percentile, ratioOf } from "../../bench/harness/statistics.ts";
import { measureTable } from "../../bench/harness/table.ts";
import { readWrkOutput, runWrk } from "../../bench/harness/wrk.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const figures = { rps: 100, p50_ms: 1, p99_ms: 2, p999_ms: 3, cpu_s_per_10k: 0.5, rss_mb: 80, ready_ms: 300 };

test("medians, percentiles and ratios are those of the definition", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 0.999)]).toEqual([50, 99, 100]);
  expect(medians([figures, { ...figures, rps: 300 }, { ...figures, rps: 200 }]).rps).toBe(200);
  expect(ratioOf([figures, { ...figures, rps: 300 }], [{ ...figures, rps: 50 }])).toBe(2);
  expect(ratioOf([], [figures])).toBeUndefined();
});

test("decisions of the past are those of a store in use: nothing came of them, which is noted", async () => {
  const path = join(folder, "filled.db");
  fillDecisions(path, 1000);
  const store = await openSqliteStore({ path });
  try {
    const { items } = await store.listDecisions({}, { size: 1000 });
    expect(items.map(({ followUp }) => followUp)).toEqual(Array(1000).fill(FollowUp.ABANDONED));
  } finally {
    await store.close();
  }
});

describe("requests", () => {
  test("each of many thousands is different, and all have the same length", () => {
    for (const { body } of [createWebhook, afterWebhook, subscribeWebhook(3)]) {
      const sent = Array.from({ length: 5000 }, (_, n) => render(body, n * 1999));
      expect(new Set(sent).size).toBe(5000);
      expect(new Set(sent.map((text) => text.length)).size).toBe(1);
      expect(JSON.parse(sent[77] ?? "")).toMatchObject({ Operator_Account: expect.stringMatching(/^u\d{8}$/) });
    }
    expect(render(afterWebhook.body, 0)).not.toBe(render(afterWebhook.body, idSpace - 1));
    expect(render(grpcDecide.message, 1)).not.toBe(render(grpcDecide.message, 2));
  });

  test("a hundred subscribers are a hundred different ones", () => {
    const { SubscribeAccountList: list } = JSON.parse(render(subscribeWebhook(100).body, 12_345));
    expect(new Set(list.map((one: { Subscriber_Account: string }) => one.Subscriber_Account)).size).toBe(100);
  });

  test.skipIf(findProgram("wrk") === undefined)("wrk sends the same requests by its script", async () => {
    const bodies: string[] = [];
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString("latin1");
      if (bodies.length < 10) bodies.push(body);
      response.end("{}");
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const run = { seconds: 1, connections: 1, from: 12_345 };
    const { requests } = await runWrk(folder, (server.address() as AddressInfo).port, createWebhook, run);
    server.close();
    expect(requests).toBeGreaterThan(10);
    // wrk asks its script for one request before it begins, and does not send that.
    expect(bodies.slice(0, 5)).toEqual([1, 2, 3, 4, 5].map((i) => render(createWebhook.body, 12_345 + i)));
  });
});

describe("what the tools print", () => {
  const sample = { requests: 5000, us: 2_000_000, p50: 900, p99: 4500, p999: 9000, connect: 0, read: 0, write: 0, status: 0, timeout: 0 };

  test("wrk's findings are read, and a failed request fails the row", () => {
    const output = (found: object) => `Running 2s test\n  2500 requests/sec\n${JSON.stringify(found)}\n`;
    expect(readWrkOutput(output(sample))).toEqual({ requests: 5000, rps: 2500, p50_ms: 0.9, p99_ms: 4.5, p999_ms: 9 });
    expect(() => readWrkOutput(output({ ...sample, status: 3 }))).toThrow("status 3");
    expect(() => readWrkOutput(output({ ...sample, requests: 0 }))).toThrow("not one request");
    expect(() => readWrkOutput("unable to connect")).toThrow("unable to connect");
  });

  test("h2load's findings are read, and a failed request fails the row", () => {
    const counts = (failed: number) => `${5000 - failed} succeeded, ${failed} failed, 0 errored, 0 timeout`;
    const output = (failed: number) =>
      `finished in 1.23s, 4065.04 req/s, 1.00MB/s\nrequests: 5000 total, 5000 started, 5000 done, ${counts(failed)}\n`;
    expect(readH2loadOutput(output(0))).toBe(4065.04);
    expect(() => readH2loadOutput(output(1))).toThrow("1 failed");
  });

  test("a row of Gatehouse fails when answers were none, were not decided, or were mostly denials", () => {
    const webhooks = (outcome: string, count: number) =>
      `gatehouse_webhook_answers_total{command="c",outcome="${outcome}"} ${count}\ngatehouse_rpc_calls_total{method="m",code="OK"} ${count}\n`;
    expect(() => checkMetrics(webhooks("allow", 100), 100)).not.toThrow();
    expect(() => checkMetrics(webhooks("fallback_deadline", 1) + webhooks("allow", 100), 100)).toThrow("fallback_deadline 1");
    expect(() => checkMetrics(webhooks("duplicate", 5), 5)).toThrow("duplicate 5");
    expect(() => checkMetrics(webhooks("allow", 99), 100)).toThrow("only 99");
    expect(() => checkMetrics(webhooks("deny", 100), 100)).toThrow("most requests were denied");
  });

  test("Cerbos' answers are read in both encodings", () => {
    expect(cerbosDenies(Buffer.from('{"results":[{"actions":{"create":"EFFECT_DENY"}}]}'))).toBe(true);
    expect(cerbosDenies(Buffer.from([0x12, 10, 0x0a, 6, ...Buffer.from("create"), 0x10, 1]))).toBe(false);
    expect(() => cerbosDenies(Buffer.from("{}"))).toThrow("did not decide");
  });

  test("a profile's frames are those that were on top within the window", () => {
    const node = (id: number, functionName: string) => ({ id, callFrame: { functionName, url: "", lineNumber: 0 } });
    const nodes = [node(1, "early"), node(2, "busy"), node(3, "late")];
    const profile: CpuProfile = { nodes, startTime: 1000, samples: [1, 2, 2, 3, 3], timeDeltas: [0, 100, 50, 50, 100] };
    expect(topFrames(profile, [1110, 1210])).toEqual([{ frame: "busy", share: 1 }]);
  });
});

describe("the policies", () => {
  test("the benches' policy has 50 rules, of which Cerbos gets each", () => {
    expect(benchPolicy().match(/id: /g)).toHaveLength(50);
    const { resourcePolicy } = cerbosPolicy(benchPolicy()) as { resourcePolicy: { rules: { condition?: { match: { expr: string } } }[] } };
    const conditions = resourcePolicy.rules.flatMap(({ condition }) => condition?.match.expr ?? []);
    expect(conditions).toHaveLength(50);
    expect(conditions).toContain("R.attr.operator in G.banned_users");
    expect(conditions).toContain('R.attr.name.startsWith(" ") || R.attr.name.endsWith(" ")');
    expect(conditions).toContain("R.attr.subscribers.exists(subscriber, subscriber in G.banned_users)");
    expect(conditions.join()).not.toMatch(/inList|liveAccounts|skeleton/);
  });

  test("a grown policy has as many rules as it is told", () => {
    expect(grownPolicy(300, 20).match(/id: /g)).toHaveLength(320);
  });
});

test("flags that make no sense are refused", () => {
  expect(readOptions(["--quick"])).toMatchObject({ mode: "table", rounds: 1, seconds: 1 });
  expect(readOptions(["--growth", "--growth-max", "1000"])).toMatchObject({ mode: "growth", growthMax: 1000 });
  expect(() => readOptions(["--rounds", "none"])).toThrow("--rounds");
});

test("a chart leaves out what it has no value for", () => {
  const svg = lineChart({ title: "a < b", labels: ["1", "2"], series: [{ name: "one", values: [0.4, undefined] }], logarithmic: true });
  expect(svg).toContain("a &lt; b");
  expect(svg.match(/<circle/g)).toHaveLength(1);
  expect(svg).not.toContain("NaN");
});

test("a tiny run measures rows, compares them, and is written as JSON; what cannot be measured is said", { timeout: 60_000 }, async () => {
  const lines: string[] = [];
  const only = ["floor_grpc", "grpc_decide", "floor_http"];
  const options = { quick: true, rounds: 1, seconds: 0.5, warmUpSeconds: 0.5, entries: 500, only };
  const report = await measureTable(options, folder, (line) => lines.push(line));
  const expected = findProgram("wrk") === undefined ? ["floor_grpc", "grpc_decide"] : ["floor_http", "floor_grpc", "grpc_decide"];
  expect(
    report.rows.map(({ name }) => name),
    lines.join("\n"),
  ).toEqual(expected);
  expect(report.missing.map(({ name }) => name)).toEqual(only.filter((name) => !expected.includes(name)));
  for (const row of report.rows) {
    for (const key of ["rps", "p50_ms", "p99_ms", "p999_ms", "rss_mb", "ready_ms"] as const) expect(row[key]).toBeGreaterThan(0);
  }
  expect(report.ratios["grpc_decide/floor_grpc"]).toBeGreaterThan(0);

  const results = join(folder, "results");
  saveReport(report, results);
  expect(JSON.parse(readFileSync(join(results, "latest.json"), "utf8"))).toEqual(report);
  expect(readdirSync(join(results, "history"))).toEqual([]);
  saveReport({ ...report, quick: false }, results);
  expect(readHistory(join(results, "history"))).toEqual([{ ...report, quick: false }]);
  expect(readFileSync(join(results, "history.svg"), "utf8")).toContain("grpc_decide/floor_grpc");
  expect(formatReport(report)).toMatch(/^grpc_decide +\d+/m);
});

test("a small registry is filled and read", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["bench/registry.ts", "--accounts", "200", "--events", "600"]);
  expect(stdout).toMatch(/^filled with 200 accounts and 600 events in \d+ s/);
  expect(stdout).toMatch(/^ListAccounts: by account id, one app( +\d+\.\d\d){4} +50\.0$/m);
  expect(stdout).toMatch(/^ListTimeline: owner of one account in twenty( +\d+\.\d\d){4} +[1-9]\d*\.\d$/m);
  expect(stdout).toMatch(/^peak resident memory of the process +\d+ MB$/m);
}, 60_000);
