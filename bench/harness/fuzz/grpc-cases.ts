// Calls on the grpc listener, well-formed as HTTP/2 and not.
import fc from "fast-check";
import { clientPreface, flagEndStream, frame, frameType, grpcHeaders } from "../http2-frames.ts";
import { enveloped, envelopeForm } from "./api-cases.ts";
import { hostileText, mutated } from "./hostile.ts";
import { binaryRequest, methods } from "./message-cases.ts";

/** A call over a connection that others use too, or bytes over one of its own. */
export type GrpcCase =
  | { kind: "call"; path: string; headers: Record<string, string>; body: Buffer; ending: "end" | "cancel" }
  | { kind: "bytes"; bytes: Buffer; ending: "end" | "break" };

const headers = fc.oneof(
  { weight: 30, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Record<string, string>[]>(
      { "grpc-timeout": "1m" },
      { "grpc-timeout": "0n" },
      { "grpc-timeout": "99999999H" },
      { "grpc-timeout": "x" },
      { "grpc-encoding": "gzip" },
      { "grpc-encoding": "nonsense" },
      { "grpc-accept-encoding": "nonsense" },
      { "content-type": "application/grpc+json" },
      { "content-type": "text/html" },
      { authorization: "Bearer gh_aaaaaaaaaaaa_wrong" },
      { authorization: "nonsense" },
      { "trace-bin": "!!!" },
    ),
  },
  { weight: 1, arbitrary: hostileText.map((text) => ({ "x-note": text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 2000) })) },
);

const bodies = methods.chain((method) =>
  fc
    .tuple(
      fc.array(fc.tuple(binaryRequest(method), envelopeForm), {
        minLength: 1,
        maxLength: method.methodKind === "client_streaming" ? 3 : 1,
      }),
    )
    .map(([messages]) => ({
      path: `/${method.parent.typeName}/${method.name}`,
      body: Buffer.concat(messages.map(([message, { flags, more }]) => enveloped(flags, message, message.length + more))),
    })),
);

const call = fc
  .tuple(
    bodies,
    headers,
    fc.oneof({ weight: 30, arbitrary: fc.constant("end" as const) }, { weight: 1, arbitrary: fc.constant("cancel" as const) }),
  )
  .map(([asked, more, ending]): GrpcCase => ({ kind: "call", ...asked, headers: more, ending }));

const strangePath = fc.tuple(hostileText, bodies).map(([text, { body }]): GrpcCase => {
  const path = `/${text.replaceAll(/[^\x21-\x7e]/g, "x").slice(0, 300)}`;
  return { kind: "call", path, headers: {}, body, ending: "end" };
});

/** A connection as a client would speak, to be changed anywhere. */
const spoken = bodies
  .filter(({ path }) => path.length <= 126)
  .map(({ path, body }) => {
    const data = frame(frameType.data, flagEndStream, 1, body.subarray(0, 16_384));
    const call = grpcHeaders(path, "127.0.0.1");
    call.writeUInt32BE(1, 5);
    return Buffer.concat([clientPreface(), call, data, frame(frameType.ping, 0, 0, Buffer.alloc(8))]);
  });

const anyFrames = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 9 }),
      fc.uint8Array({ maxLength: 40 }),
    ),
    {
      maxLength: 6,
    },
  )
  .map((frames) =>
    Buffer.concat([clientPreface(), ...frames.map(([type, flags, stream, payload]) => frame(type, flags, stream, Buffer.from(payload)))]),
  );

const bytes = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: mutated(spoken) },
      { weight: 2, arbitrary: anyFrames },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((found) => Buffer.from(found)) },
      { weight: 1, arbitrary: fc.constant(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) },
    ),
    fc.constantFrom("end" as const, "break" as const),
  )
  .map(([found, ending]): GrpcCase => ({ kind: "bytes", bytes: found, ending }));

/** Everything that is sent to the grpc listener. */
export const grpcCases: fc.Arbitrary<GrpcCase> = fc.oneof(
  { weight: 30, arbitrary: call },
  { weight: 1, arbitrary: strangePath },
  { weight: 1, arbitrary: bytes },
);
