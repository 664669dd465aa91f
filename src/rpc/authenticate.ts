// Tells from an Authorization header who calls: by an API key, the bootstrap key or a bearer token.
import { timingSafeEqual } from "node:crypto";
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { parseKeyText, secretDigest } from "../moderation/key-text.ts";
import type { ApiKey, Keys } from "../storage/storage.ts";
import { bootstrapCaller, type Caller } from "./caller.ts";

/** What authentication needs. */
export interface AuthenticateDeps {
  store: Pick<Keys, "getKey" | "noteKeyUse" | "onKeyChange">;
  /** Counts as an operator's key; undefined: there is none. */
  bootstrapKey: string | undefined;
  /** Verifies a bearer token; undefined: no tokens are believed. */
  verifyToken: VerifyToken | undefined;
  /** Told when the use of a key could not be noted. Must not throw. */
  onUseLost(error: unknown): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Verifies a bearer token, until when it may be believed. Rejects with UNAUTHENTICATED or AUTHENTICATION_UNAVAILABLE. */
export type VerifyToken = (token: string) => Promise<VerifiedCaller>;

/** A caller, and until when it may be believed without another look. */
export interface VerifiedCaller {
  caller: Caller;
  /** Milliseconds since 1970; undefined: for ever. */
  untilMs: number | undefined;
}

/**
 * Who the header names: at once when it was verified within the last minute. Throws or rejects with UNAUTHENTICATED, AUTHENTICATION_UNAVAILABLE
 * or STORE_UNAVAILABLE. A key that was revoked is refused from the moment on at which RevokeKey is answered.
 */
export type Authenticate = (authorization: string) => Caller | Promise<Caller>;

/** How long what was verified is believed, and how seldom the use of a key is noted. */
const minuteMs = 60_000;
const maxKnown = 1000;
const noDigest = new Uint8Array(32);

/**
 * What was verified is remembered by the whole header. Looking that up is not in constant time, and need not be: it compares by a seeded hash
 * first, so that how long it takes says nothing of how much of a header is right. Secrets themselves are compared as digests in constant time.
 */
export function createAuthenticate({ store, bootstrapKey, verifyToken, onUseLost, now }: AuthenticateDeps): Authenticate {
  const bootstrapDigest = bootstrapKey === undefined ? undefined : secretDigest(bootstrapKey);
  const known = new Map<string, { caller: Caller; untilMs: number }>();
  const usesNoted = new Map<string, number>();
  let generation = 0;
  store.onKeyChange(() => {
    generation += 1;
    known.clear();
  });

  return (authorization) => {
    const found = known.get(authorization);
    return found !== undefined && now() < found.untilMs ? found.caller : verify(authorization);
  };

  async function verify(authorization: string): Promise<Caller> {
    const before = generation;
    const nowMs = now();
    const { caller, untilMs } = await verifyCredential(readCredential(authorization), nowMs);
    // What was read before a key changed must not be believed after it.
    if (generation === before)
      remember(authorization, { caller, untilMs: Math.min(nowMs + minuteMs, untilMs ?? Number.POSITIVE_INFINITY) });
    return caller;
  }

  async function verifyCredential(credential: string, nowMs: number): Promise<VerifiedCaller> {
    if (bootstrapDigest !== undefined && timingSafeEqual(secretDigest(credential), bootstrapDigest)) {
      return { caller: bootstrapCaller, untilMs: undefined };
    }
    const keyText = parseKeyText(credential);
    if (keyText === undefined) {
      if (verifyToken !== undefined && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(credential)) return verifyToken(credential);
      throw notKnown();
    }
    const key = await store.getKey(keyText.keyId);
    const isRight = timingSafeEqual(secretDigest(keyText.secret), key?.secretDigest ?? noDigest);
    if (key === undefined || !isRight) throw notKnown();
    checkUsable(key, nowMs);
    noteUse(key.keyId, nowMs);
    const { keyId, name, roles, appIds, expireTimeMs } = key;
    return {
      caller: {
        kind: PrincipalKind.KEY,
        id: keyId,
        name,
        roles: new Set(roles),
        appIds: appIds.length === 0 ? undefined : new Set(appIds),
      },
      untilMs: expireTimeMs,
    };
  }

  function remember(authorization: string, verified: { caller: Caller; untilMs: number }): void {
    known.delete(authorization);
    const [oldest] = known.keys();
    if (known.size >= maxKnown && oldest !== undefined) known.delete(oldest);
    known.set(authorization, verified);
  }

  /** Nobody waits for this, and no more often than once a minute. */
  function noteUse(keyId: string, nowMs: number): void {
    const noted = usesNoted.get(keyId);
    if (noted !== undefined && nowMs - noted < minuteMs) return;
    if (usesNoted.size >= maxKnown) usesNoted.clear();
    usesNoted.set(keyId, nowMs);
    store.noteKeyUse(keyId, nowMs).catch(onUseLost);
  }
}

/** The error of a call without a credential where one is needed. */
export function credentialMissing(): GatehouseError {
  return new GatehouseError(
    ErrorReason.UNAUTHENTICATED,
    "This call needs a key: send it as `Authorization: Bearer gh_…`; commands take it from GATEHOUSE_API_KEY. An operator makes one with `gatehouse keys create`.",
  );
}

/** What stands after `Bearer`. */
function readCredential(authorization: string): string {
  const credential = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(authorization)?.[1];
  if (credential !== undefined) return credential;
  throw new GatehouseError(ErrorReason.UNAUTHENTICATED, "The Authorization header is not of the form `Bearer <key or token>`, once.");
}

/** One error for every key that is wrong, so that it tells nothing of which ids there are. */
function notKnown(): GatehouseError {
  return new GatehouseError(
    ErrorReason.UNAUTHENTICATED,
    "The key is not one of this server's. Check that it is whole, and for this server; an operator can make another.",
  );
}

function checkUsable({ keyId, revokeTimeMs, expireTimeMs }: ApiKey, nowMs: number): void {
  const fail = (what: string, timeMs: number) => {
    const message = `The key ${keyId} ${what} on ${new Date(timeMs).toISOString()}. Use another; an operator can make one.`;
    throw new GatehouseError(ErrorReason.UNAUTHENTICATED, message, { metadata: { key_id: keyId } });
  };
  if (revokeTimeMs !== undefined) fail("was revoked", revokeTimeMs);
  if (expireTimeMs !== undefined && nowMs >= expireTimeMs) fail("expired", expireTimeMs);
}
