// KeyService over the use cases.
import { create } from "@bufbuild/protobuf";
import {
  type CreateKeyRequest,
  type CreateKeyResponse,
  CreateKeyResponseSchema,
  type ListKeysRequest,
  ListKeysRequestSchema,
  type ListKeysResponse,
  ListKeysResponseSchema,
  type RevokeKeyRequest,
  type RevokeKeyResponse,
  RevokeKeyResponseSchema,
} from "../../gen/gatehouse/v1/key_service_pb.ts";
import type { KeyUseCases } from "../moderation/keys.ts";
import { msOf } from "../moderation/times.ts";
import { authorOf } from "./caller.ts";
import type { CallContext } from "./implementation.ts";
import { keyMessage } from "./key-message.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createKeyService({ keys }: { keys: KeyUseCases }) {
  return {
    async createKey({ name, roles, appIds, expireTime }: CreateKeyRequest, { caller }: CallContext): Promise<CreateKeyResponse> {
      const made = await keys.create({ name, roles, appIds, creator: authorOf(caller), expireTimeMs: msOf(expireTime) });
      return create(CreateKeyResponseSchema, { key: keyMessage(made.key), keyText: made.text });
    },

    async listKeys(request: ListKeysRequest): Promise<ListKeysResponse> {
      const page = await keys.list(pageRequest(ListKeysRequestSchema, request));
      return create(ListKeysResponseSchema, {
        keys: page.items.map(keyMessage),
        nextPageToken: nextPageToken(ListKeysRequestSchema, request, page),
      });
    },

    async revokeKey({ keyId }: RevokeKeyRequest, { caller }: CallContext): Promise<RevokeKeyResponse> {
      return create(RevokeKeyResponseSchema, { key: keyMessage(await keys.revoke(keyId, authorOf(caller))) });
    },
  };
}
