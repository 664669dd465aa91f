// ErasureService over the use cases.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type EraseUserRequest,
  type EraseUserResponse,
  EraseUserResponseSchema,
  type Erasure as ErasureMessage,
  ErasureSchema,
  type GetErasureRequest,
  type GetErasureResponse,
  GetErasureResponseSchema,
} from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import type { ErasureUseCases } from "../moderation/erasures.ts";
import type { Erasure } from "../storage/storage.ts";

export function createErasureService({ erasures }: { erasures: Pick<ErasureUseCases, "begin" | "get"> }) {
  return {
    async eraseUser({ appId, user, withLists, preview, author }: EraseUserRequest): Promise<EraseUserResponse> {
      const { erasure, lists } = await erasures.begin({ appId, user, withLists, isPreview: preview, author });
      return create(EraseUserResponseSchema, { erasure: erasureMessage(erasure), lists });
    },

    async getErasure({ erasureId }: GetErasureRequest): Promise<GetErasureResponse> {
      return create(GetErasureResponseSchema, { erasure: erasureMessage(await erasures.get(erasureId)) });
    },
  };
}

function erasureMessage({ isPreview, beginTimeMs, endTimeMs, found, ...rest }: Erasure): ErasureMessage {
  return create(ErasureSchema, {
    ...rest,
    preview: isPreview,
    beginTime: timestampFromMs(beginTimeMs),
    ...(endTimeMs !== undefined && { endTime: timestampFromMs(endTimeMs) }),
    found: found.map(({ place, count }) => ({ place, count: BigInt(count) })),
  });
}
