// A classifier over HTTP: a POST of JSON for each text.
import type { HttpExchange } from "../outbound/http-exchange.ts";
import type { SignalReply, SignalSource } from "./signal-source.ts";

/** Where a classifier is, and what it is called. */
export interface HttpSignalOptions {
  /** The signal's name. */
  signal: string;
  url: URL;
  /** Sent as a bearer token. */
  token: string | undefined;
  exchange: HttpExchange;
}

/** Posts `{"signal": …, "text": …}`, and understands `{"value": …}` with a number, or with true for 1 and false for 0, under status 200. */
export function createHttpSignal({ signal, url, token, exchange }: HttpSignalOptions): SignalSource {
  const path = url.pathname + url.search;
  const headers = ["Host", url.host, "Content-Type", "application/json", "Accept", "application/json"];
  if (token !== undefined) headers.push("Authorization", `Bearer ${token}`);
  return {
    async ask(text, timeoutMs) {
      const body = Buffer.from(JSON.stringify({ signal, text }));
      const answer = await exchange.post({ path, rawHeaders: [...headers, "Content-Length", String(body.length)], body, timeoutMs });
      if (answer.kind === "failed") return answer;
      return answer.status === 200 ? readReply(answer.body.toString("utf8")) : rubbish(`it answered with status ${answer.status}`);
    },
    close: exchange.close,
  };
}

function readReply(text: string): SignalReply {
  let value: unknown;
  try {
    value = (JSON.parse(text) as { value?: unknown } | null)?.value;
  } catch {
    return rubbish("its answer is not JSON");
  }
  if (typeof value === "boolean") return { kind: "answered", value: Number(value) };
  if (typeof value === "number" && Number.isFinite(value)) return { kind: "answered", value };
  return rubbish('its answer has no "value" that is a number, true or false');
}

function rubbish(message: string): SignalReply {
  return { kind: "failed", cause: "rubbish", message };
}
