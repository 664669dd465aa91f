// The pages of the api listener when what they ask fails.
import { expect, it } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../src/errors.ts";
import { createApiListener } from "../../src/rpc/api-listener.ts";
import { listen } from "../cli/harness.ts";

const driverText = "SQLITE_IOERR: disk I/O error at /var/lib/x.db";

async function get(path: string, failure: Error): Promise<{ status: number; text: string; logged: unknown[] }> {
  const logged: unknown[] = [];
  const url = await listen(
    createApiListener({
      connectDoor: (_req, res) => res.end(),
      ready: () => Promise.reject(failure),
      metrics: () => Promise.reject(failure),
      checkMetricsReader: async () => undefined,
      crossOrigin: () => false,
      onInternalError: (error) => logged.push(error),
    }),
  );
  const response = await fetch(url + path);
  return { status: response.status, text: await response.text(), logged };
}

it("/readyz says why it is not ready in words that are meant for callers", async () => {
  const failure = new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "The store cannot be read.", { cause: new Error(driverText) });
  expect(await get("/readyz", failure)).toEqual({
    status: 503,
    text: '{"status":"not ready","reason":"The store cannot be read."}\n',
    logged: [],
  });
});

it("/readyz keeps any other failure to the log", async () => {
  const failure = new Error(driverText);
  const text = '{"status":"not ready","reason":"An internal error occurred."}\n';
  expect(await get("/readyz", failure)).toEqual({ status: 503, text, logged: [failure] });
});

it("/metrics that cannot be rendered is a 500 without a word of why", async () => {
  const failure = new Error(driverText);
  expect(await get("/metrics", failure)).toEqual({ status: 500, text: "An internal error occurred.\n", logged: [failure] });
});
