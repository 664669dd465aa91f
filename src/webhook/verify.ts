// Verifies that a webhook comes from Chat and is meant for one of our apps.
import { createHash, hash, timingSafeEqual } from "node:crypto";
import type { WebhookQuery } from "./query.ts";

/** An app whose webhooks are accepted. All that it has of these must fit; an app that has none is not authenticated. */
export interface WebhookApp {
  /** SDKAppID. */
  id: number;
  /** The tokens of the console's webhook authentication; several while one is being replaced. None: signatures are not asked for. */
  tokens: readonly string[];
  /** The last segment of the URL's path must be this. */
  pathSecret?: string | undefined;
  /** The parameter `token` of the URL must be this. */
  querySecret?: string | undefined;
}

/** What came of it. */
export type Verified =
  | { kind: "accepted"; appId: number }
  /** The console's "verify URL" probe may come without `SdkAppid`; it may ask nothing of an app. */
  | { kind: "probe" }
  | { kind: "rejected"; status: 401 | 403; cause: "unknown_app" | "bad_secret" | "bad_signature" | "stale_signature"; message: string };

/** Verifies a webhook by its parameters, and by the request target that they were read from. */
export type Verify = (query: WebhookQuery, target: string) => Verified;

/** Signatures whose time is further away than this are stale. From "Webhook Overview: Security Considerations". */
const defaultWindowSeconds = 60;

type Rejected = Extract<Verified, { kind: "rejected" }>;

/** `now` gives milliseconds since 1970. */
export function createVerify(apps: readonly WebhookApp[], now: () => number, windowSeconds = defaultWindowSeconds): Verify {
  const checked = apps.map((app) => ({ id: app.id, authenticate: createAuthenticate(app, now, windowSeconds) }));
  const byId = new Map(checked.map((app) => [String(app.id), app]));
  const allAuthenticated = checked.map((app) => app.authenticate).filter((authenticate) => authenticate !== undefined);
  return (query, target) => {
    const app = byId.get(query.appId);
    if (app !== undefined) return app.authenticate?.(query, target) ?? { kind: "accepted", appId: app.id };
    if (query.appId !== "") {
      const message = "SdkAppid is not one of the apps that this server serves.";
      return { kind: "rejected", status: 403, cause: "unknown_app", message };
    }
    // A probe that names no app must be what one of the authenticated apps would take.
    const rejections = allAuthenticated.map((authenticate) => authenticate(query, target));
    const [first] = rejections;
    if (first === undefined || rejections.includes(undefined)) return { kind: "probe" };
    return rejections.find((rejected) => rejected?.cause === "stale_signature") ?? first;
  };
}

/** What an app asks of its webhooks; undefined when it asks nothing. */
function createAuthenticate({ tokens, pathSecret, querySecret }: WebhookApp, now: () => number, windowSeconds: number) {
  const checks: ((query: WebhookQuery, target: string) => Rejected | undefined)[] = [];
  if (pathSecret !== undefined) {
    const fits = createSecretCheck(pathSecret);
    checks.push((_query, target) => (fits(lastSegment(target)) ? undefined : badSecret("at the end of the URL's path")));
  }
  if (querySecret !== undefined) {
    const fits = createSecretCheck(querySecret);
    checks.push(({ token }) => (fits(token) ? undefined : badSecret("in the URL's parameter token")));
  }
  if (tokens.length > 0) checks.push((query) => checkSignature(query, tokens, now(), windowSeconds));
  if (checks.length === 0) return undefined;
  return (query: WebhookQuery, target: string): Rejected | undefined => {
    for (const check of checks) {
      const rejected = check(query, target);
      if (rejected !== undefined) return rejected;
    }
    return undefined;
  };
}

/** Compares in a time that tells nothing of the secret, neither of its text nor of its length. */
function createSecretCheck(secret: string): (given: string) => boolean {
  const expected = hash("sha256", secret, "buffer");
  return (given) => timingSafeEqual(hash("sha256", given, "buffer"), expected);
}

/** The last segment of a request target's path; a slash after it does not count. */
function lastSegment(target: string): string {
  const path = (target.split("?", 1)[0] ?? "").replace(/\/$/, "");
  return path.slice(path.lastIndexOf("/") + 1);
}

function badSecret(where: string): Rejected {
  return { kind: "rejected", status: 401, cause: "bad_secret", message: `The secret ${where} is missing or wrong.` };
}

function checkSignature(
  { sign, requestTime }: WebhookQuery,
  tokens: readonly string[],
  nowMs: number,
  windowSeconds: number,
): Rejected | undefined {
  const bad: Rejected = { kind: "rejected", status: 401, cause: "bad_signature", message: "Sign is missing or wrong." };
  if (!/^\d{1,15}$/.test(requestTime)) return bad;
  const given = Buffer.from(sign);
  // Every token is tried, so that the time taken does not tell which one fits.
  let fits = false;
  for (const token of tokens) {
    const expected = Buffer.from(signature(token, requestTime));
    if (given.length === expected.length && timingSafeEqual(given, expected)) fits = true;
  }
  if (!fits) return bad;
  if (Math.abs(nowMs / 1000 - Number(requestTime)) > windowSeconds) {
    const message = `RequestTime is more than ${windowSeconds} s away from this server's clock.`;
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
