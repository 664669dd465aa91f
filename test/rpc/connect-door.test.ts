// What the Connect door adds to the local door: raw HTTP, as any program may send it.
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DecideRequestSchema, ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { serve } from "../../src/rpc/implementation.ts";
import { type OpenDoors, openDoors, until } from "./doors.ts";

const decidePath = "/gatehouse.v1.ModerationService/Decide";

let doors: OpenDoors;
let decide: () => Promise<{ decision: { decisionId: string } }>;

beforeAll(async () => {
  doors = await openDoors(
    [
      serve(ModerationService, {
        decide: () => decide(),
        record: async () => ({ eventId: "e1" }),
        recordFallback: () => ({}),
        recordBatch: () => ({}),
      }),
    ],
    (request, response) => {
      response.writeHead(418).end(`not a call: ${request.url}`);
    },
  );
});
beforeEach(() => {
  decide = async () => ({ decision: { decisionId: "d1" } });
  doors.calls.length = 0;
  doors.internalErrors.length = 0;
});
afterAll(() => doors.close());

function post(path: string, contentType: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  return fetch(`${doors.connectUrl}${path}`, { method: "POST", headers: { "content-type": contentType, ...headers }, body });
}

async function postJson(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await post(decidePath, "application/json", body, headers);
  const answer = (await response.json()) as {
    code?: string;
    message?: string;
    details?: { type: string; value: string; debug?: unknown }[];
  };
  return { status: response.status, ...answer };
}

function errorInfo(reason: string) {
  return [{ type: "google.rpc.ErrorInfo", value: expect.any(String), debug: { reason, domain: "gatehouse" } }];
}

describe("JSON", () => {
  const request = { appId: 1400000000, createAccount: { name: "天天新闻" } };

  it("answers a plain post, with the names of the schema too", async () => {
    expect(await postJson(JSON.stringify(request))).toEqual({ status: 200, decision: { decisionId: "d1" } });
    expect(await postJson('{"app_id":1,"create_account":{"name":"x"}}')).toMatchObject({ status: 200 });
  });

  it.each([
    ["a field that the schema does not have", '{"appId":1,"previw":true,"createAccount":{"name":"x"}}', "previw"],
    ["what is not JSON", '{"appId":', "JSON"],
    ["a value of another type", '{"appId":"one"}', "app_id"],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), "utf-8"],
  ])("refuses %s", async (_, body, named) => {
    expect(await postJson(body)).toEqual({
      status: 400,
      code: "invalid_argument",
      message: expect.stringContaining(named),
      details: errorInfo("MALFORMED_MESSAGE"),
    });
    expect(doors.calls).toEqual([]);
  });

  it("refuses a lone surrogate", async () => {
    const answer = await postJson('{"appId":1,"createAccount":{"name":"a\\ud800b"}}');
    expect(answer).toMatchObject({ status: 400, code: "invalid_argument" });
    expect(answer.message).toMatch(/name.*(UTF8|Unicode|well-formed)/i);
  });

  it("refuses a message that is too large, said so or not", async () => {
    const large = `{"appId":1,"requestId":"${"x".repeat(2 ** 22)}"}`;
    const refused = { status: 429, code: "resource_exhausted", details: errorInfo("MESSAGE_TOO_LARGE") };
    expect(await postJson(large)).toMatchObject(refused);
    const compressed = new Blob([large]).stream().pipeThrough(new CompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(compressed).arrayBuffer());
    expect(await postJson(bytes, { "content-encoding": "gzip" })).toMatchObject(refused);
  });

  it("says why when the deadline of the header passes", async () => {
    decide = () => new Promise(() => {});
    expect(await postJson(JSON.stringify(request), { "connect-timeout-ms": "20" })).toEqual({
      status: 504,
      code: "deadline_exceeded",
      message: expect.stringContaining("request_id"),
      details: errorInfo("DEADLINE_EXCEEDED"),
    });
    expect(await postJson(JSON.stringify(request), { "connect-timeout-ms": "0" })).toMatchObject({
      details: errorInfo("DEADLINE_EXCEEDED"),
    });
  });

  it("refuses a deadline that is not one", async () => {
    expect(await postJson(JSON.stringify(request), { "connect-timeout-ms": "soon" })).toMatchObject({ status: 400, details: [{}] });
  });
});

it("refuses bytes that are not the message, as the gRPC door does", async () => {
  const response = await post(decidePath, "application/proto", Uint8Array.of(0x0a, 0xff));
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({
    code: "invalid_argument",
    message: expect.stringContaining("The message cannot be read as gatehouse.v1.DecideRequest: "),
    details: errorInfo("MALFORMED_MESSAGE"),
  });
});

describe("compression that is not what it says", () => {
  const malformed = {
    code: "invalid_argument",
    message: expect.stringContaining("The message cannot be read as "),
    details: errorInfo("MALFORMED_MESSAGE"),
  };

  it("is malformed when a body breaks off", async () => {
    const whole = gzipSync(JSON.stringify({ appId: 1, createAccount: { name: "x" } }));
    const response = await post(decidePath, "application/json", new Uint8Array(whole.subarray(0, -9)), { "content-encoding": "gzip" });
    expect([response.status, await response.json()]).toEqual([400, malformed]);
    expect(doors.internalErrors).toEqual([]);
  });

  it("is malformed when an envelope claims one that was not agreed on", async () => {
    const response = await post(decidePath, "application/grpc-web+proto", Uint8Array.of(1, 0, 0, 0, 0));
    expect(await response.text()).toMatch(/grpc-status: 3\r\n/);
    expect(doors.internalErrors).toEqual([]);
  });
});

it("says what is wrong with bytes also when the deadline has passed meanwhile", async () => {
  const response = await post(decidePath, "application/proto", Uint8Array.of(0x0a, 0xff), { "connect-timeout-ms": "0" });
  expect([response.status, await response.json()]).toMatchObject([400, { details: errorInfo("MALFORMED_MESSAGE") }]);
  expect(doors.internalErrors).toEqual([]);
});

it("refuses malformed gRPC-Web with its details", async () => {
  const response = await post(decidePath, "application/grpc-web+proto", Uint8Array.of(0, 0, 0, 0, 2, 0x0a, 0xff));
  expect(response.status).toBe(200);
  const trailer = await response.text();
  expect(trailer).toMatch(/grpc-status: 3\r\n/);
  expect(trailer).toMatch(/grpc-status-details-bin: /);
});

describe("what is not a method", () => {
  it("is refused as UNKNOWN_METHOD when it looks like a call", async () => {
    const response = await post("/gatehouse.v1.ModerationService/Decied", "application/json", "{}");
    expect(response.status).toBe(501);
    expect(await response.json()).toEqual({
      code: "unimplemented",
      message: "There is no method gatehouse.v1.ModerationService/Decied here.",
      details: errorInfo("UNKNOWN_METHOD"),
    });
  });

  it("is refused in gRPC-Web too", async () => {
    const { status, headers } = await post("/gatehouse.v1.NoService/Decide", "application/grpc-web+proto", "");
    expect(status).toBe(200);
    expect(headers.get("grpc-status")).toBe("12");
    expect(headers.get("grpc-status-details-bin")).not.toBeNull();
  });

  it("goes to the fallback otherwise", async () => {
    expect(await (await fetch(`${doors.connectUrl}/healthz`)).text()).toBe("not a call: /healthz");
    expect((await post("/upload", "application/json", "{}")).status).toBe(418);
  });
});

describe("a hostile client", () => {
  it.each(["POST {path} HTTP/1.0\r\n", "POST {path} HTTP/1.1\r\nHost: [\r\nConnection: close\r\n"])(
    "gets 400 for a host that is none: %j",
    async (head) => {
      const answer = await raw(`${head.replace("{path}", decidePath)}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  it("that hangs up is no error of ours", async () => {
    decide = () => new Promise(() => {});
    const body = JSON.stringify({ appId: 1, createAccount: { name: "x" } });
    const socket = connect(Number(new URL(doors.connectUrl).port), "127.0.0.1");
    socket.write(
      `POST ${decidePath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    let started = false;
    decide = () => {
      started = true;
      return new Promise(() => {});
    };
    await until(() => started);
    socket.destroy();
    await until(() => doors.calls.length === 1);
    expect(doors.internalErrors).toEqual([]);
  });
});

it("takes a binary request of exactly what the schema allows", async () => {
  const message = create(DecideRequestSchema, { appId: 1, action: { case: "createAccount", value: { name: "新".repeat(50) } } });
  const response = await post(decidePath, "application/proto", toBinary(DecideRequestSchema, message));
  expect(response.status).toBe(200);
});

function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(new URL(doors.connectUrl).port), "127.0.0.1", () => socket.write(request));
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}
