// Requests over HTTP/1.1 as bytes: well-formed ones around any body, and broken ones.
import fc from "fast-check";
import { mutated } from "./hostile.ts";

/** What goes over a connection, and what is to be waited for. */
export interface HttpCase {
  /** Written one after the other. */
  pieces: readonly Buffer[];
  /** Between the pieces, in milliseconds. */
  pauseMs: number;
  /** Then: wait for one answer and keep the connection, or leave; say that nothing more comes, and wait for the end; or break it off. */
  ending: "answer" | "end" | "wait" | "break";
  /** Whether the answer must be a webhook's, with status 200; of other listeners whether the call is well-formed HTTP. */
  due: boolean;
}

/** A request of which the body may be anything. */
export interface Request {
  target: string;
  /** Lines with their ends. */
  headers: string;
  body: Buffer;
  due: boolean;
}

function head({ target, headers }: Request, framing: string): Buffer {
  return Buffer.from(`POST ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}${framing}\r\n`, "latin1");
}

function chunks(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** The request whole, in one piece or in chunks. */
function whole(request: Request, chunkSize: number): HttpCase {
  const bytes =
    chunkSize === 0
      ? [head(request, `Content-Length: ${request.body.length}\r\n`), request.body]
      : [head(request, "Transfer-Encoding: chunked\r\n"), chunks(request.body, chunkSize)];
  return { pieces: [Buffer.concat(bytes)], pauseMs: 0, ending: "answer", due: request.due };
}

const brokenFraming = [
  "Content-Length: 5\r\nContent-Length: 6\r\n",
  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "Content-Length: -1\r\n",
  "Content-Length: 99999999999999999999\r\n",
  "Content-Length: 0x10\r\n",
  "Transfer-Encoding: chunked, identity\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Content-Length: 5\r\nContent-Encoding: gzip\r\n",
  "Expect: 100-continue\r\nContent-Length: 5\r\n",
  "Content-Length : 5\r\n",
  "X\0Y: z\r\n",
  ": empty\r\n",
  " folded\r\n",
  "Content-Length: 5\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
];

const noHttp = [
  "",
  "\r\n\r\n\r\n",
  "GET",
  "POST / HTTP/9.9\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n",
  "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET http://[::bad HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
  `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `POST / HTTP/1.1\r\nHost: x\r\n${"X-A: b\r\n".repeat(3000)}\r\n`,
];

/** Requests as they are, and one in some thirty broken: in its framing, in any byte, cut short, or so slow that its time ends. */
export function httpCases(requests: fc.Arbitrary<Request>): fc.Arbitrary<HttpCase> {
  const ending = fc.constantFrom<HttpCase["ending"]>("end", "end", "break");
  const broken = (pieces: Buffer[], how: HttpCase["ending"], pauseMs = 0): HttpCase => ({ pieces, pauseMs, ending: how, due: false });
  const bytesOf = requests.map((request) => Buffer.concat(whole(request, 0).pieces));
  return fc.oneof(
    { weight: 700, arbitrary: requests.map((request) => whole(request, 0)) },
    { weight: 60, arbitrary: fc.tuple(requests, fc.integer({ min: 1, max: 2000 })).map(([request, size]) => whole(request, size)) },
    { weight: 10, arbitrary: fc.tuple(mutated(bytesOf), ending).map(([bytes, how]) => broken([bytes], how)) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(requests, fc.constantFrom(...brokenFraming), ending)
        .map(([request, framing, how]) => broken([head(request, framing), request.body], how)),
    },
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...noHttp), ending).map(([text, how]) => broken([Buffer.from(text, "latin1")], how)) },
    { weight: 2, arbitrary: fc.tuple(fc.uint8Array({ maxLength: 200 }), ending).map(([bytes, how]) => broken([Buffer.from(bytes)], how)) },
    {
      // A body that is promised and does not come, or whose chunks break off.
      weight: 4,
      arbitrary: fc
        .tuple(requests, fc.constantFrom("Content-Length: 4000000\r\n", "Transfer-Encoding: chunked\r\n"), ending)
        .map(([request, framing, how]) => broken([head(request, framing), Buffer.from("ffff\r\n{"), request.body.subarray(0, 99)], how)),
    },
    {
      weight: 1,
      arbitrary: requests.map((request) => {
        const bytes = Buffer.concat(whole(request, 0).pieces);
        const size = Math.ceil(bytes.length / 8) + 1;
        const pieces = Array.from({ length: 8 }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
        return { pieces, pauseMs: 20, ending: "wait", due: false } as const;
      }),
    },
  );
}
