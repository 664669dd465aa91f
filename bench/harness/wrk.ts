// Closed-loop load over HTTP/1.1 by wrk: as many requests as the connections can carry, each another one, from a template in Lua.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadResult, LoadRun } from "./load.ts";
import { runConfined } from "./processes.ts";
import { type HttpRequest, idSpace, render, type Template } from "./requests.ts";

/** Runs wrk against a port of this machine, for whole seconds; `folder` takes its script. */
export async function runWrk(folder: string, port: number, request: HttpRequest, run: LoadRun): Promise<LoadResult> {
  const script = join(folder, "wrk.lua");
  writeFileSync(script, luaScript(requestTemplate(request, port)), "latin1");
  const seconds = Math.max(1, Math.round(run.seconds));
  const args = ["-t1", `-c${run.connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, `http://127.0.0.1:${port}/`];
  return readWrkOutput(await runConfined(["wrk", ...args, "--", String(run.from)]));
}

/** The whole request as it goes over the wire. */
export function requestTemplate({ path, body }: HttpRequest, port: number): Template {
  const { length } = render(body, 0);
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  return { parts: body.parts.map((part, i) => (i === 0 ? head + part : part)), multipliers: body.multipliers };
}

/** The template as a script of wrk, which prints its findings as one line of JSON. */
function luaScript({ parts, multipliers }: Template): string {
  // Everything that means something in a Lua string, or is not printable, is written as its number.
  const text = (part: string) => `"${part.replace(/[^ !#-[\]-~]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, "0")}`)}"`;
  return `local parts = { ${parts.map(text).join(", ")} }
local multipliers = { ${multipliers.join(", ")} }
local pieces = {}
for i, part in ipairs(parts) do pieces[2 * i - 1] = part end
local format, concat, slots = string.format, table.concat, #multipliers
local n = 0

function init(args)
  n = tonumber(args[1])
end

function request()
  for i = 1, slots do pieces[2 * i] = format("%08d", (n * multipliers[i]) % ${idSpace}) end
  n = n + 1
  return concat(pieces)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(format('{"requests":%d,"us":%d,"p50":%d,"p99":%d,"p999":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
`;
}

/** Reads what the script printed at the end of wrk's own output. Throws when any request failed. */
export function readWrkOutput(output: string): LoadResult {
  const line = /^\{"requests".*\}$/m.exec(output)?.[0];
  if (line === undefined) throw new Error(`wrk did not print its findings: ${output.slice(-1000)}`);
  const found = JSON.parse(line) as Record<string, number>;
  const failures = ["connect", "read", "write", "status", "timeout"].filter((kind) => found[kind] !== 0);
  if (failures.length > 0) throw new Error(`requests failed: ${failures.map((kind) => `${kind} ${found[kind]}`).join(", ")}`);
  const { requests = 0, us = 0, p50 = 0, p99 = 0, p999 = 0 } = found;
  if (requests === 0) throw new Error("not one request was answered");
  return { requests, rps: requests / (us / 1e6), p50_ms: p50 / 1000, p99_ms: p99 / 1000, p999_ms: p999 / 1000 };
}
