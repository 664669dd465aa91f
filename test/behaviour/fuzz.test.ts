// Generated requests to each listener of the service in a process of its own: nothing crashes, tells of its inside, or is stored that cannot be read.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { judgeApi, judgeGrpc, judgeWebhook } from "../../bench/harness/fuzz/answers.ts";
import type { HttpCase } from "../../bench/harness/fuzz/http-cases.ts";
import { fuzzGatehouse } from "../../bench/harness/fuzz/run.ts";

it("hostile requests are answered, and what they leave can be read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-fuzz-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const seed = Date.now() % 1_000_000;
  const requests = 2000;
  const result = await fuzzGatehouse({ requests, seed, folder, parts: 2, onProgress: () => undefined });
  expect(result.problems, `seed ${seed}`).toEqual([]);
  expect(result.listeners.map((listener) => [listener.name, listener.requests])).toEqual([
    ["webhook", requests],
    ["api", requests],
    ["grpc", requests],
  ]);
  // That much is left which had nothing wrong with it but its texts.
  expect(result.stored.counts).toMatchObject({ decisions: expect.toSatisfy((count: number) => count > 50) });
  expect(result.exportedLines).toBe(result.stored.counts.changes);
  const [, first, last] = result.memory;
  expect((last?.heapMb ?? 0) - (first?.heapMb ?? 0), `seed ${seed}`).toBeLessThan(15);
}, 180_000);

describe("what would be seen", () => {
  const asked: HttpCase = { pieces: [], pauseMs: 0, ending: "answer", due: true };
  const http = (status: number, body: string, type = "application/json") => ({
    answers: [{ status, headers: new Map([["content-type", type]]), body: Buffer.from(body, "latin1") }],
    rest: Buffer.alloc(0),
    isStuck: false,
  });
  const silent = { answers: [], rest: Buffer.alloc(0), isStuck: false };

  it.each([
    ["an error of the server", http(500, "{}"), /^500/],
    ["an error that only the api may give", http(504, "{}"), /^504/],
    ["a refusal of what can come from Chat", http(403, '{"ActionStatus":"FAIL","ErrorCode":1,"ErrorInfo":""}'), /^403/],
    ["no JSON", http(200, "OK"), /no answer of a webhook/],
    ["a member that is missing", http(200, '{"ActionStatus":"OK","ErrorInfo":""}'), /no answer of a webhook/],
    ["a stack", http(200, '{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"at parse (node:internal/x:1)"}'), /its inside/],
    ["silence", silent, /no answer/],
    ["a connection that hangs", { ...silent, isStuck: true }, /neither answered nor closed/],
  ])("from the webhook listener: %s", (_, exchange, problem) => {
    expect(judgeWebhook(asked, exchange).problem).toMatch(problem);
  });

  it.each([
    ["an error without a reason", http(400, '{"code":"invalid_argument","message":"x"}'), /without a reason/],
    ["a page that is no error of Connect", http(503, ""), /^503/],
    [
      "a stream that ends with a mistake",
      http(200, '\x02\0\0\0\x1d{"error":{"code":"internal"}}', "application/connect+json"),
      /stream ends/,
    ],
  ])("from the api listener: %s", (_, exchange, problem) => {
    expect(judgeApi(asked, exchange).problem).toMatch(problem);
  });

  it.each([
    ["INTERNAL", { "grpc-status": "13", "grpc-message": "boom" }, /without a reason: boom/],
    ["a driver's words", { "grpc-status": "14", "grpc-message": "SQLITE_BUSY" }, /its inside/],
  ])("from the grpc listener: %s", (_, headers, problem) => {
    const call = { kind: "call" as const, path: "/a/B", headers: {}, body: Buffer.alloc(0), ending: "end" as const };
    expect(judgeGrpc(call, { headers, bytes: Buffer.alloc(0), isStuck: false }).problem).toMatch(problem);
  });
});
