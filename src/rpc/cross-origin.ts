// Which web pages may call: those of this listener itself, and those of the configured origins.
import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";

/** Who may call from a browser. */
export interface CrossOriginOptions {
  /** Origins of other web pages that may call, such as `https://console.example.com`; compared exactly. */
  origins: readonly string[];
  /**
   * Callers on this machine are not asked who they are: then a page whose host is not this machine's own name is none of the listener's, because
   * a name of anybody's can be made to resolve to it.
   */
  isOpen: boolean;
}

/**
 * Looks at a request before anything else does. True: it is answered, because it is a preflight or comes from a page that may not call. False:
 * go on; a page that may read the answer is named in its headers. A request without `Origin` is none of a web page and passes.
 */
export type CrossOrigin = (req: IncomingMessage, res: ServerResponse) => boolean;

/** What pages may send besides what Connect's protocols need. */
const allowedHeaders = [...cors.allowedHeaders, "Authorization"].join(", ");
const allowedMethods = cors.allowedMethods.join(", ");
const exposedHeaders = cors.exposedHeaders.join(", ");

/** Seconds that a browser may remember what a preflight said. */
const preflightSeconds = 7200;

export function createCrossOrigin({ origins, isOpen }: CrossOriginOptions): CrossOrigin {
  const configured = new Set(origins);
  return (req, res) => {
    const { origin, host = "" } = req.headers;
    if (configured.size > 0) res.setHeader("Vary", "Origin");
    if (origin === undefined || isOwn(origin, host)) return false;
    if (!configured.has(origin)) {
      refuse(res);
      return true;
    }
    res.setHeader("Access-Control-Allow-Origin", origin);
    if (req.method !== "OPTIONS" || req.headers["access-control-request-method"] === undefined) {
      res.setHeader("Access-Control-Expose-Headers", exposedHeaders);
      return false;
    }
    res.writeHead(204, {
      "Access-Control-Allow-Methods": allowedMethods,
      "Access-Control-Allow-Headers": allowedHeaders,
      "Access-Control-Max-Age": preflightSeconds,
    });
    res.end();
    return true;
  };

  function isOwn(origin: string, host: string): boolean {
    const url = URL.parse(origin);
    return url !== null && url.host === host.toLowerCase() && (!isOpen || loopbackName.test(url.hostname));
  }
}

const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function refuse(res: ServerResponse): void {
  const text = "Web pages of this origin may not call here; api.cors_origins names those that may.\n";
  res.writeHead(403, { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(text) });
  res.end(text);
}
