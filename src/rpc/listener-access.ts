// What the api and grpc listeners ask of their callers, put together from the settings.
import type { Interceptor } from "@connectrpc/connect";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { isUsable } from "../moderation/keys.ts";
import type { Keys, PageRequest } from "../storage/storage.ts";
import { type AuthenticateDeps, createAuthenticate, credentialMissing } from "./authenticate.ts";
import { type BearerTokenDeps, createTokenKeys, createVerifyToken } from "./bearer-token.ts";
import { checkRole } from "./caller.ts";
import { type AccessDeps, createAccessInterceptor, type Subjects } from "./interceptors/access.ts";

/** The settings of what callers are known by. */
interface KnowableConfig {
  api: { listen: { host: string } };
  grpc: { listen: { host: string } };
  auth: { bootstrapKey: string | undefined; jwt: object | undefined };
}

/** Throws an error for people when a listener asks for keys and nobody could have one: no bootstrap key, no tokens, no key that works. */
export async function assertKnowable(
  { api, grpc, auth }: KnowableConfig,
  isRequired: { api: boolean; grpc: boolean },
  store: Pick<Keys, "listKeys">,
  nowMs: number,
): Promise<void> {
  const asking = [isRequired.api ? `api.listen: ${api.listen.host}` : [], isRequired.grpc ? `grpc.listen: ${grpc.listen.host}` : []].flat();
  if (asking.length === 0 || auth.bootstrapKey !== undefined || auth.jwt !== undefined || (await hasUsableKey(store, nowMs))) return;
  throw new GatehouseError(
    ErrorReason.INVALID_REQUEST,
    `${asking.join(", ")}: refuses to listen there, because callers must show a key, and there is none. Set GATEHOUSE_AUTH_BOOTSTRAP_KEY to make keys with, ` +
      "or auth.jwt, or make a key with `gatehouse keys create` while it listens on loopback with auth.required auto.",
  );
}

async function hasUsableKey(store: Pick<Keys, "listKeys">, nowMs: number): Promise<boolean> {
  let page: PageRequest | undefined = { size: 100 };
  while (page !== undefined) {
    const { items, next } = await store.listKeys(page);
    if (items.some((key) => isUsable(key, nowMs))) return true;
    page = next === undefined ? undefined : { size: 100, after: next };
  }
  return false;
}

/** What the access of listeners is made of. */
export interface ListenerAccessDeps {
  store: AuthenticateDeps["store"];
  bootstrapKey: string | undefined;
  /** Whose tokens are believed; undefined: nobody's. */
  jwt: TokenSettings | undefined;
  accessOf: AccessDeps["accessOf"];
  subjects: Subjects;
  /** On which listeners callers must show something. */
  isRequired: { api: boolean; grpc: boolean };
  /** Told of troubles that callers are told less of, with what they are; texts are a fixed few. Must not throw. */
  onTrouble(error: unknown, text: string): void;
  /** Milliseconds since 1970. */
  now(): number;
}

type TokenSettings = Pick<BearerTokenDeps, "issuer" | "audience" | "roleClaim" | "appClaim"> & { jwks: { url: string } | { file: string } };

/** What lets callers in. */
export interface ListenerAccess {
  /** The interceptors of the two listeners. */
  api: Interceptor;
  grpc: Interceptor;
  /** Checks who reads the metrics: a viewer of any app where keys are asked for, otherwise also who shows nothing. */
  checkMetricsReader(authorization: string | undefined): Promise<void>;
}

/** Creates it. Throws an error for people when the file with the keys of tokens cannot be used. */
export function createListenerAccess(deps: ListenerAccessDeps): ListenerAccess {
  const { store, bootstrapKey, jwt, accessOf, subjects, isRequired, onTrouble, now } = deps;
  const onUnavailable = (error: unknown) => onTrouble(error, "the keys of the tokens' issuer cannot be had; nobody is let in by a token");
  const verifyToken = jwt && createVerifyToken({ ...jwt, keys: createTokenKeys(jwt.jwks), onUnavailable, now });
  const onUseLost = (error: unknown) => onTrouble(error, "the last use of a key could not be noted");
  const authenticate = createAuthenticate({ store, bootstrapKey, verifyToken, onUseLost, now });
  const common = { accessOf, authenticate, subjects };
  return {
    api: createAccessInterceptor({ ...common, isRequired: isRequired.api }),
    grpc: createAccessInterceptor({ ...common, isRequired: isRequired.grpc }),
    async checkMetricsReader(authorization) {
      if (authorization !== undefined) checkRole(await authenticate(authorization), Role.VIEWER, "/metrics");
      else if (isRequired.api) throw credentialMissing();
    },
  };
}
