// The settings of authentication: who must show a key or token, and whose tokens are believed.
import { Invalid, oneOf, optionalText } from "./config-values.ts";

/** How callers are known. */
export interface AuthConfig {
  /** `auto`: callers of listeners beyond loopback must show a key or token; `always`: all callers. */
  required: "auto" | "always";
  /** A key that counts as an operator's; undefined: none. */
  bootstrapKey: string | undefined;
  /** Whose bearer tokens are believed; undefined: nobody's. */
  jwt: JwtConfig | undefined;
}

/** Whose bearer tokens are believed. */
export interface JwtConfig {
  issuer: string;
  audience: string;
  /** Where the issuer's public keys are. */
  jwks: { url: string } | { file: string };
  /** The claim that has the caller's roles. */
  roleClaim: string;
  /** The claim that has the caller's apps; undefined: a token is for all apps. */
  appClaim: string | undefined;
}

/** The entries of the table of settings. */
export const authSettings = {
  authRequired: {
    key: "auth.required",
    env: "GATEHOUSE_AUTH_REQUIRED",
    default: "auto",
    meaning:
      "Who must show a key or token on the api and grpc listeners: auto, callers of a listener beyond loopback; always, all callers. Behind a proxy on the same machine: always.",
    read: oneOf(["auto", "always"] as const),
  },
  authBootstrapKey: {
    key: "auth.bootstrap_key",
    env: "GATEHOUSE_AUTH_BOOTSTRAP_KEY",
    default: "",
    meaning:
      "A key that counts as an operator's, to make the first keys with: at least 32 characters, for instance of `openssl rand -hex 32`.",
    read: readBootstrapKey,
  },
  authJwtIssuer: {
    key: "auth.jwt.issuer",
    env: "GATEHOUSE_AUTH_JWT_ISSUER",
    default: "",
    meaning: "Whose bearer tokens (JWT) are believed: their `iss`. With it go the audience and one of the two places of keys.",
    read: optionalText,
  },
  authJwtAudience: {
    key: "auth.jwt.audience",
    env: "GATEHOUSE_AUTH_JWT_AUDIENCE",
    default: "",
    meaning: "What must be in a token's `aud`.",
    read: optionalText,
  },
  authJwtJwksUrl: {
    key: "auth.jwt.jwks_url",
    env: "GATEHOUSE_AUTH_JWT_JWKS_URL",
    default: "",
    meaning: "Where the issuer's public keys (JWKS) are fetched: https, or http on this machine.",
    read: readJwksUrl,
  },
  authJwtJwksFile: {
    key: "auth.jwt.jwks_file",
    env: "GATEHOUSE_AUTH_JWT_JWKS_FILE",
    default: "",
    meaning: "The file that has them, read at start, instead of an address.",
    read: optionalText,
  },
  authJwtRoleClaim: {
    key: "auth.jwt.role_claim",
    env: "GATEHOUSE_AUTH_JWT_ROLE_CLAIM",
    default: "gatehouse_roles",
    meaning: "The claim with the caller's roles, a list or words in a text; dots go into objects, as in `realm_access.roles`.",
    read: requiredText,
  },
  authJwtAppClaim: {
    key: "auth.jwt.app_claim",
    env: "GATEHOUSE_AUTH_JWT_APP_CLAIM",
    default: "",
    meaning: "The claim with the caller's apps, SDKAppIDs or `*`; a token without it is for none. Not set: every token is for all apps.",
    read: optionalText,
  },
};

/** The parts of `auth.jwt` as they were set. */
interface JwtParts {
  issuer: string | undefined;
  audience: string | undefined;
  jwksUrl: string | undefined;
  jwksFile: string | undefined;
  roleClaim: string;
  appClaim: string | undefined;
}

/** Puts the parts together; undefined when none is set. What does not go together is told to `onProblem`. */
export function jwtConfig(parts: JwtParts, onProblem: (problem: string) => void): JwtConfig | undefined {
  const { issuer, audience, jwksUrl, jwksFile, roleClaim, appClaim } = parts;
  if ([issuer, audience, jwksUrl, jwksFile].every((part) => part === undefined)) return undefined;
  const jwks = jwksUrl === undefined ? jwksFile && { file: jwksFile } : { url: jwksUrl };
  const missing = [
    issuer === undefined ? ["auth.jwt.issuer"] : [],
    audience === undefined ? ["auth.jwt.audience"] : [],
    !jwks ? ["one of auth.jwt.jwks_url and auth.jwt.jwks_file"] : [],
  ].flat();
  if (missing.length > 0) onProblem(`auth.jwt: tokens cannot be checked without ${missing.join(", ")}: set that, or nothing of auth.jwt.`);
  if (jwksUrl !== undefined && jwksFile !== undefined) onProblem("auth.jwt: set jwks_url or jwks_file, not both.");
  if (issuer === undefined || audience === undefined || !jwks) return undefined;
  return { issuer, audience, jwks, roleClaim, appClaim };
}

/** The value is never repeated in a message: it is a secret. */
function readBootstrapKey(value: unknown): string | undefined {
  if (value === "" || value === null || value === undefined) return undefined;
  if (typeof value === "string" && /^[\x21-\x7e]{32,500}$/.test(value)) return value;
  throw new Invalid("must be 32 to 500 characters of printable ASCII without spaces, such as `openssl rand -hex 32` prints.");
}

function readJwksUrl(value: unknown): string | undefined {
  const text = optionalText(value);
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  const isLocal = url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url?.protocol === "https:" || isLocal) return text;
  throw new Invalid(`must be an https address, such as https://id.example.com/.well-known/jwks.json, not "${text}".`);
}

function requiredText(value: unknown): string {
  const text = optionalText(value);
  if (text === undefined) throw new Invalid("must be text, not nothing.");
  return text;
}
