// Verifies that a webhook comes from Chat and is meant for one of our apps.
import { createHash, timingSafeEqual } from "node:crypto";
import type { WebhookQuery } from "./query.ts";

/** An app whose webhooks are accepted. */
export interface WebhookApp {
  /** SDKAppID. */
  id: number;
  /** The tokens of the console's webhook authentication; several while one is being replaced. None: signatures are not asked for. */
  tokens: readonly string[];
}

/** What came of it. */
export type Verified =
  | { kind: "accepted"; appId: number }
  /** The console's "verify URL" probe may come without `SdkAppid`; it may ask nothing of an app. */
  | { kind: "probe" }
  | { kind: "rejected"; status: 401 | 403; cause: "unknown_app" | "bad_signature" | "stale_signature"; message: string };

/** Signatures whose time is further away than this are stale. From "Webhook Overview: Security Considerations". */
export const maxSignatureAgeSeconds = 60;

/** `now` gives milliseconds since 1970. */
export function createVerify(apps: readonly WebhookApp[], now: () => number): (query: WebhookQuery) => Verified {
  const byId = new Map(apps.map((app) => [String(app.id), app]));
  const allTokens = apps.flatMap((app) => app.tokens);
  return (query) => {
    const app = byId.get(query.appId);
    if (app === undefined && query.appId !== "") {
      const message = "SdkAppid is not one of the apps that this server serves.";
      return { kind: "rejected", status: 403, cause: "unknown_app", message };
    }
    const tokens = app === undefined ? allTokens : app.tokens;
    if (tokens.length > 0) {
      const rejected = checkSignature(query, tokens, now());
      if (rejected !== undefined) return rejected;
    }
    return app === undefined ? { kind: "probe" } : { kind: "accepted", appId: app.id };
  };
}

function checkSignature({ sign, requestTime }: WebhookQuery, tokens: readonly string[], nowMs: number): Verified | undefined {
  const bad: Verified = { kind: "rejected", status: 401, cause: "bad_signature", message: "Sign is missing or wrong." };
  if (!/^\d{1,15}$/.test(requestTime)) return bad;
  const given = Buffer.from(sign);
  // Every token is tried, so that the time taken does not tell which one fits.
  let fits = false;
  for (const token of tokens) {
    const expected = Buffer.from(signature(token, requestTime));
    if (given.length === expected.length && timingSafeEqual(given, expected)) fits = true;
  }
  if (!fits) return bad;
  if (Math.abs(nowMs / 1000 - Number(requestTime)) > maxSignatureAgeSeconds) {
    const message = `RequestTime is more than ${maxSignatureAgeSeconds} s away from this server's clock.`;
    return { kind: "rejected", status: 401, cause: "stale_signature", message };
  }
  return undefined;
}

/** `Sign` for a token and a time in Unix seconds: lower-case hexadecimal SHA-256 of the two, one after the other. */
export function signature(token: string, requestTime: string): string {
  return createHash("sha256")
    .update(token + requestTime)
    .digest("hex");
}
