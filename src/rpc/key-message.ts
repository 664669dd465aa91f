// Keys as callers see them: without anything of their secrets.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Key, KeySchema } from "../../gen/gatehouse/v1/key_service_pb.ts";
import type { ApiKey } from "../storage/storage.ts";

/** The message of a key. */
export function keyMessage(key: ApiKey): Key {
  const { keyId, name, creator, revoker } = key;
  const message = create(KeySchema, { keyId, name, roles: [...key.roles], appIds: [...key.appIds], creator, revoker });
  message.createTime = timestampFromMs(key.createTimeMs);
  if (key.expireTimeMs !== undefined) message.expireTime = timestampFromMs(key.expireTimeMs);
  if (key.revokeTimeMs !== undefined) message.revokeTime = timestampFromMs(key.revokeTimeMs);
  if (key.lastUseTimeMs !== undefined) message.lastUseTime = timestampFromMs(key.lastUseTimeMs);
  return message;
}
