// Calls on the api listener: Connect with JSON and protobuf, streams, gRPC-Web, pages, and paths and headers that make no sense.
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { hostileText } from "./hostile.ts";
import { type HttpCase, httpCases, type Request } from "./http-cases.ts";
import { binaryRequest, jsonRequest, methods } from "./message-cases.ts";

/** A message with the five bytes before it that streams have. */
export function enveloped(flags: number, message: Buffer, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([prefix, message]);
}

/** Flags and lengths of envelopes, most of them right. */
export const envelopeForm: fc.Arbitrary<{ flags: number; more: number }> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({ flags: 0, more: 0 }) },
  { weight: 1, arbitrary: fc.record({ flags: fc.constantFrom(0, 1, 2, 3, 128, 255), more: fc.constantFrom(0, 1, -1, 100, 2 ** 31) }) },
);

const extraHeader = fc.oneof(
  { weight: 20, arbitrary: fc.constant("") },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "Connect-Protocol-Version: 1\r\n",
      "Connect-Protocol-Version: 2\r\n",
      "Connect-Timeout-Ms: 1\r\n",
      "Connect-Timeout-Ms: 99999999999999999999\r\n",
      "Connect-Timeout-Ms: -1\r\n",
      "Accept-Encoding: br, gzip, nonsense\r\n",
      "Connect-Accept-Encoding: nonsense\r\n",
      "Origin: https://evil.example.com\r\n",
      "Authorization: Bearer gh_aaaaaaaaaaaa_wrong\r\n",
      "Authorization: Basic x\r\n",
      "X-User-Agent: \xff\xfe\r\n",
      "Grpc-Timeout: 1n\r\n",
      "Grpc-Timeout: H\r\n",
    ),
  },
  { weight: 1, arbitrary: hostileText.map((text) => `X-Note: ${text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 2000)}\r\n`) },
);

const call = methods.chain((method) => {
  const target = `/${method.parent.typeName}/${method.name}`;
  const isUnary = method.methodKind === "unary";
  const request = (type: string, body: Buffer, more: string): Request => ({
    target,
    headers: `Content-Type: ${type}\r\n${more}`,
    body,
    due: true,
  });
  const json = jsonRequest(method).map((text) => Buffer.from(text));
  const binary = binaryRequest(method);
  const streamed = fc
    .tuple(fc.oneof(json, binary), envelopeForm)
    .map(([message, { flags, more }]) => enveloped(flags, message, message.length + more));
  const unary = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(json, extraHeader).map(([body, more]) => request("application/json", body, more)) },
    { weight: 3, arbitrary: fc.tuple(binary, extraHeader).map(([body, more]) => request("application/proto", body, more)) },
    { weight: 1, arbitrary: json.map((body) => request("application/json", gzipSync(body), "Content-Encoding: gzip\r\n")) },
    { weight: 1, arbitrary: json.map((body) => request("application/json", body, "Content-Encoding: br\r\n")) },
  );
  const web = fc
    .tuple(
      streamed,
      fc.constantFrom("application/grpc-web+proto", "application/grpc-web+json", "application/grpc-web", "application/grpc"),
      extraHeader,
    )
    .map(([body, type, more]) => request(type, body, more));
  const stream = fc
    .tuple(fc.array(streamed, { maxLength: 3 }), fc.constantFrom("application/connect+json", "application/connect+proto"), extraHeader)
    .map(([bodies, type, more]) => request(type, Buffer.concat(bodies), more));
  return isUnary
    ? fc.oneof({ weight: 9, arbitrary: unary }, { weight: 3, arbitrary: web }, { weight: 1, arbitrary: stream })
    : fc.oneof({ weight: 2, arbitrary: stream }, { weight: 1, arbitrary: web });
});

const page = fc
  .tuple(
    fc.constantFrom("/", "/metrics", "/readyz", "/healthz", "/__proto__", "/constructor", "/gatehouse.v1.ModerationService/", "/a.B/C"),
    fc.oneof(fc.constant(""), hostileText),
    extraHeader,
  )
  .map(([path, query, headers]): Request => {
    const target = `${path}${query === "" ? "" : "?"}${query.replaceAll(/[^\x21-\x7e]/g, "%").slice(0, 3000)}`;
    return { target, headers, body: Buffer.from(query.slice(0, 50)), due: true };
  });

/** Everything that is sent to the api listener. */
export const apiCases: fc.Arbitrary<HttpCase> = httpCases(fc.oneof({ weight: 20, arbitrary: call }, { weight: 1, arbitrary: page }));
