// Posts to another HTTP server: bounded connections that are kept, a time limit, and an answer of bounded size.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

/** What is posted. */
export interface HttpPost {
  /** The path with its parameters. */
  path: string;
  /** Names and values in turn, as Node gives them, `Host` and `Content-Length` among them. */
  rawHeaders: string[];
  body: Buffer;
  /** Milliseconds until the whole answer must be there, the wait for a connection included. */
  timeoutMs: number;
}

/** What came of it. */
export type HttpAnswer =
  | { kind: "answered"; status: number; rawHeaders: string[]; body: Buffer }
  /** `rubbish`: no answer that HTTP knows, or too large. */
  | { kind: "failed"; cause: "down" | "timeout" | "rubbish"; message: string };

/** A server that can be posted to. */
export interface HttpExchange {
  /** Never rejects. */
  post(post: HttpPost): Promise<HttpAnswer>;
  /** Closes its connections. */
  close(): void;
}

/** Where the server is, how many connections there may be, and how large an answer. */
export interface HttpExchangeOptions {
  url: URL;
  maxConnections: number;
  maxAnswerBytes: number;
  /** The authorities to trust, in PEM. Undefined: those that Node trusts. */
  ca?: Buffer | undefined;
}

export function createHttpExchange({ url, maxConnections, maxAnswerBytes, ca }: HttpExchangeOptions): HttpExchange {
  const isHttps = url.protocol === "https:";
  const agentOptions = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections };
  const agent = isHttps ? new HttpsAgent({ ...agentOptions, ...(ca && { ca }) }) : new HttpAgent(agentOptions);
  const request = isHttps ? requestHttps : requestHttp;

  function attempt(post: HttpPost, deadlineMs: number, mayRepeat: boolean): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      const sent = request(url, { agent, method: "POST", path: post.path, headers: post.rawHeaders, setHost: false });
      const timer = setTimeout(() => {
        resolve({ kind: "failed", cause: "timeout", message: `no answer within ${post.timeoutMs} ms` });
        sent.destroy();
      }, deadlineMs - performance.now());
      const settle = (answer: HttpAnswer | Promise<HttpAnswer>) => {
        clearTimeout(timer);
        resolve(answer);
      };
      let began = false;
      sent.once("response", (response) => {
        began = true;
        readAnswer(response, maxAnswerBytes, settle);
      });
      sent.on("error", (error: NodeJS.ErrnoException) => {
        // A connection that the server had closed while it was idle: what was posted has not been seen, and goes on a new one.
        if (mayRepeat && !began && sent.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
          settle(attempt(post, deadlineMs, false));
        } else if (error.code?.startsWith("HPE_") === true) {
          settle({ kind: "failed", cause: "rubbish", message: "its answer is not HTTP" });
        } else {
          settle({ kind: "failed", cause: "down", message: error.code ?? "the connection broke" });
        }
      });
      sent.end(post.body);
    });
  }

  return {
    post: (post) => attempt(post, performance.now() + post.timeoutMs, true),
    close: () => agent.destroy(),
  };
}

function readAnswer(response: IncomingMessage, maxAnswerBytes: number, settle: (answer: HttpAnswer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxAnswerBytes) {
      chunks.push(chunk);
      return;
    }
    settle({ kind: "failed", cause: "rubbish", message: `its answer has more than ${maxAnswerBytes} bytes` });
    response.destroy();
  });
  response.on("end", () =>
    settle({ kind: "answered", status: response.statusCode ?? 200, rawHeaders: response.rawHeaders, body: Buffer.concat(chunks) }),
  );
  response.on("error", () => settle({ kind: "failed", cause: "down", message: "its answer broke off" }));
  response.on("close", () => {
    if (!response.complete) settle({ kind: "failed", cause: "down", message: "its answer broke off" });
  });
}
