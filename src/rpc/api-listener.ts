// The api listener: the Connect door, and what operators ask: /healthz, /readyz, /metrics.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { GatehouseError } from "../errors.ts";
import type { CrossOrigin } from "./cross-origin.ts";
import { type OnInternalError, toWireError } from "./wire-error.ts";

/** What the listener needs. */
export interface ApiListenerDeps {
  /** Answers calls; must answer whatever it is given. */
  connectDoor: RequestListener;
  /** Resolves when the service can answer calls; rejects with the reason when it cannot. */
  ready(): Promise<void>;
  /** What else /readyz says when it is ready. Default: nothing. */
  notes?(): Promise<Record<string, string>>;
  /** Renders the metrics. */
  metrics(): Promise<{ contentType: string; text: string }>;
  /** Resolves when the caller with this Authorization header may read the metrics; rejects with the reason when not. */
  checkMetricsReader(authorization: string | undefined): Promise<void>;
  /** Answers or marks requests of web pages, before all else. */
  crossOrigin: CrossOrigin;
  /** Told of mistakes, whose text never leaves. Must not throw. */
  onInternalError: OnInternalError;
}

/** What every answer says to browsers: nothing here is a page that loads anything, is kept, or is to be guessed at. */
const securityHeaders = Object.entries({
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
});

export function createApiListener(deps: ApiListenerDeps): RequestListener {
  const { connectDoor, ready, notes, metrics, checkMetricsReader, crossOrigin, onInternalError } = deps;
  const pages: Record<string, (req: IncomingMessage) => Promise<Page>> = {
    "/healthz": async () => ({ status: 200, contentType: "application/json", text: '{"status":"ok"}\n' }),
    "/readyz": async () => {
      try {
        await ready();
        return { status: 200, contentType: "application/json", text: `${JSON.stringify({ status: "ready", ...(await notes?.()) })}\n` };
      } catch (error) {
        if (!(error instanceof GatehouseError)) onInternalError(error);
        const reason = error instanceof GatehouseError ? error.message : "An internal error occurred.";
        return { status: 503, contentType: "application/json", text: `${JSON.stringify({ status: "not ready", reason })}\n` };
      }
    },
    "/metrics": async (req) => {
      try {
        await checkMetricsReader(req.headers.authorization);
      } catch (error) {
        return refusal(error, onInternalError);
      }
      return { status: 200, ...(await metrics()) };
    },
  };
  return (req, res) => {
    for (const [name, value] of securityHeaders) res.setHeader(name, value);
    if (crossOrigin(req, res)) return;
    const path = (req.url ?? "").split("?", 1)[0] ?? "";
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined) connectDoor(req, res);
    else if (req.method !== "GET" && req.method !== "HEAD")
      send(req, res, 405, "text/plain", "This page is read with GET.\n", { Allow: "GET, HEAD" });
    else {
      page(req).then(
        ({ status, contentType, text, headers }) => send(req, res, status, contentType, text, headers),
        (error: unknown) => {
          onInternalError(error);
          send(req, res, 500, "text/plain", "An internal error occurred.\n");
        },
      );
    }
  };
}

interface Page {
  status: number;
  contentType: string;
  text: string;
  headers?: Record<string, string>;
}

function refusal(error: unknown, onInternalError: OnInternalError): Page {
  const { code, rawMessage } = toWireError(error, onInternalError);
  const headers: Record<string, string> = code === Code.Unauthenticated ? { "WWW-Authenticate": "Bearer" } : {};
  return { status: codeToHttpStatus(code), contentType: "text/plain; charset=utf-8", text: `${rawMessage}\n`, headers };
}

function send(req: IncomingMessage, res: ServerResponse, status: number, contentType: string, text: string, headers = {}): void {
  res.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  res.end(req.method === "HEAD" ? undefined : text);
}
