// Makes, lists and revokes API keys.
import type { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { ApiKey, Keys, Page, PageRequest } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";
import { formatKeyText, makeKeyText, secretDigest } from "./key-text.ts";

/** What keys need. */
export interface KeyDeps {
  store: Keys;
  checkApp: CheckApp;
  /** So many bytes that nobody can foresee. */
  randomBytes(size: number): Uint8Array;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What a key is to be. */
export interface NewKey {
  name: string;
  roles: readonly Role[];
  /** None: all apps. */
  appIds: readonly number[];
  creator: string;
  expireTimeMs: number | undefined;
}

/** The API keys. */
export interface KeyUseCases {
  /** Makes a key; its text is nowhere but here. Throws UNKNOWN_APP, and INVALID_REQUEST for an expiry that is not to come. */
  create(key: NewKey): Promise<{ key: ApiKey; text: string }>;
  /** Revoked and expired ones included, the latest created first. */
  list(page: PageRequest): Promise<Page<ApiKey>>;
  /** Ends a key for good; one that was revoked before stays as it is. Throws KEY_NOT_FOUND. */
  revoke(keyId: string, revoker: string): Promise<ApiKey>;
}

/** The end of the year 9999, the last that a timestamp can name. */
const lastMs = 253_402_300_799_999;

export function createKeys({ store, checkApp, randomBytes, now }: KeyDeps): KeyUseCases {
  return {
    async create({ name, roles, appIds, creator, expireTimeMs }) {
      for (const appId of appIds) checkApp(appId);
      const createTimeMs = now();
      if (expireTimeMs !== undefined && !(expireTimeMs > createTimeMs && expireTimeMs <= lastMs)) throw invalidExpiry();
      while (true) {
        const text = makeKeyText(randomBytes);
        const key: ApiKey = {
          keyId: text.keyId,
          name,
          roles: [...new Set(roles)].sort((a, b) => a - b),
          appIds: [...new Set(appIds)].sort((a, b) => a - b),
          secretDigest: secretDigest(text.secret),
          creator,
          createTimeMs,
          expireTimeMs,
          revoker: "",
          revokeTimeMs: undefined,
          lastUseTimeMs: undefined,
        };
        if (await store.createKey(key)) return { key, text: formatKeyText(text) };
      }
    },

    list: (page) => store.listKeys(page),

    async revoke(keyId, revoker) {
      const isThere = await store.revokeKey(keyId, { revoker, timeMs: now() });
      const key = isThere ? await store.getKey(keyId) : undefined;
      if (key === undefined) throw keyNotFound(keyId);
      return key;
    },
  };
}

/** Whether a key works at this time. */
export function isUsable({ revokeTimeMs, expireTimeMs }: ApiKey, nowMs: number): boolean {
  return revokeTimeMs === undefined && (expireTimeMs === undefined || nowMs < expireTimeMs);
}

function keyNotFound(keyId: string): GatehouseError {
  return new GatehouseError(ErrorReason.KEY_NOT_FOUND, `There is no key "${keyId}". ListKeys shows those that there are.`, {
    metadata: { key_id: keyId },
  });
}

function invalidExpiry(): GatehouseError {
  const description = "must be after now and before the year 10000; leave it out for a key that never expires";
  return new GatehouseError(ErrorReason.INVALID_REQUEST, `The request has 1 problem: expire_time: ${description}`, {
    fields: [{ field: "expire_time", description }],
  });
}
