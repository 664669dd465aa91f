// API keys as rows of the table `keys`.
import type { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import type { ApiKey } from "./storage.ts";

/** A row. */
export interface KeyRow {
  key_order: number;
  key_id: string;
  name: string;
  roles: string;
  app_ids: string;
  secret_digest: string;
  creator: string;
  create_time: number;
  expire_time: number | null;
  revoker: string;
  revoke_time: number | null;
  last_use_time: number | null;
}

/** The key of a row. */
export function keyOf(row: KeyRow): ApiKey {
  return {
    keyId: row.key_id,
    name: row.name,
    roles: JSON.parse(row.roles) as Role[],
    appIds: JSON.parse(row.app_ids) as number[],
    secretDigest: new Uint8Array(Buffer.from(row.secret_digest, "hex")),
    creator: row.creator,
    createTimeMs: row.create_time,
    expireTimeMs: row.expire_time ?? undefined,
    revoker: row.revoker,
    revokeTimeMs: row.revoke_time ?? undefined,
    lastUseTimeMs: row.last_use_time ?? undefined,
  };
}
