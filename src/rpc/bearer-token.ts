// Verifies bearer tokens (JWT) of the identity provider that the settings name.
import { readFileSync } from "node:fs";
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { VerifyToken } from "./authenticate.ts";
import { roleByWord } from "./caller.ts";

/** Whose tokens are believed, and how they say what their subject may do. */
export interface BearerTokenDeps {
  issuer: string;
  audience: string;
  /** Finds the issuer's key of a token. */
  keys: JWTVerifyGetKey;
  /** The claim with the roles, by their words; others are passed over. */
  roleClaim: string;
  /** The claim with the apps; undefined: every token is for all apps. */
  appClaim: string | undefined;
  /** Told when the issuer's keys cannot be had. Must not throw. */
  onUnavailable(error: unknown): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Only algorithms with a private and a public key: what we have must not be enough to make a token. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/** How far clocks may be apart. */
const toleranceSeconds = 5;

/** How long fetching the issuer's keys may take. */
const fetchTimeoutMs = 3000;

/** Mistakes of a token; any other failure is one of having the keys. */
const tokenErrors = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/** Creates the verification. A token must name its subject and its end; a subject without a role that we know may do nothing. */
export function createVerifyToken(deps: BearerTokenDeps): VerifyToken {
  const { issuer, audience, keys, roleClaim, appClaim, onUnavailable, now } = deps;
  return async (token) => {
    const payload = await verify(token);
    const { sub = "", exp = 0 } = payload;
    const caller = {
      kind: PrincipalKind.TOKEN,
      id: sub,
      name: sub,
      roles: rolesOf(claimAt(payload, roleClaim)),
      appIds: appClaim === undefined ? undefined : appsOf(claimAt(payload, appClaim)),
    };
    return { caller, untilMs: (exp + toleranceSeconds) * 1000 };
  };

  async function verify(token: string): Promise<JWTPayload> {
    try {
      const options = { issuer, audience, algorithms, clockTolerance: toleranceSeconds, currentDate: new Date(now()) };
      const { payload } = await jwtVerify(token, keys, { ...options, requiredClaims: ["sub", "exp"] });
      if (!isName(payload.sub ?? "")) throw new errors.JWTInvalid("its subject is empty, too long, or has control characters");
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError && tokenErrors.some((kind) => error instanceof kind)) throw refused(error);
      onUnavailable(error);
      throw new GatehouseError(
        ErrorReason.AUTHENTICATION_UNAVAILABLE,
        "The token cannot be checked just now, because its issuer's keys cannot be had. Try again.",
        { cause: error },
      );
    }
  }
}

/** Reads the issuer's keys from a file, or fetches them when they are needed. Throws an error for people when the file cannot be used. */
export function createTokenKeys(jwks: { url: string } | { file: string }): JWTVerifyGetKey {
  if ("url" in jwks) return createRemoteJWKSet(new URL(jwks.url), { timeoutDuration: fetchTimeoutMs });
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(jwks.file, "utf8")));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new GatehouseError(
      ErrorReason.INVALID_REQUEST,
      `auth.jwt.jwks_file: ${jwks.file} cannot be used as a set of keys (JWKS): ${why}.`,
      {
        cause: error,
      },
    );
  }
}

const maxSubjectLength = 255;

/** Whether a subject can stand for a person in lists and logs. */
function isName(subject: string): boolean {
  return subject !== "" && subject.length <= maxSubjectLength && !/[\p{Cc}\p{Cs}]/u.test(subject);
}

/** A claim by its name, or by a path with dots into objects. */
function claimAt(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  return path.split(".").reduce<unknown>((value, name) => {
    return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }, payload);
}

function rolesOf(claim: unknown): Set<Role> {
  return new Set(wordsOf(claim).flatMap((word) => roleByWord.get(word) ?? []));
}

/** None unless the claim names some: a token that forgets it must not be for all. */
function appsOf(claim: unknown): Set<number> | undefined {
  const words = wordsOf(claim);
  return words.includes("*") ? undefined : new Set(words.filter((word) => /^[1-9]\d{0,9}$/.test(word)).map(Number));
}

function wordsOf(claim: unknown): string[] {
  if (typeof claim === "number") return [String(claim)];
  if (typeof claim === "string") return claim.split(/[\s,]+/).filter((word) => word !== "");
  return Array.isArray(claim) ? claim.filter((item) => typeof item === "string" || typeof item === "number").map(String) : [];
}

function refused(error: errors.JOSEError): GatehouseError {
  const why = error instanceof errors.JWTExpired ? "it has expired" : error.message.replace(/\.$/, "");
  return new GatehouseError(ErrorReason.UNAUTHENTICATED, `The token is refused: ${why}. Get another from its issuer.`, { cause: error });
}
