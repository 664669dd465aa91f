// Where webhooks that were answered without being recorded wait until they can be.
import type { RecordFallbackRequest, RecordRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";

/** Takes charge of what could not be recorded in time. */
export interface Unrecorded {
  /**
   * Takes charge of a fallback that was answered: it is to be handed to RecordFallback until that succeeds. `sizeBytes` is about how large it is.
   * Must return at once and must not throw; what cannot be kept is dropped and counted.
   */
  keepFallback(request: RecordFallbackRequest, sizeBytes: number): void;

  /**
   * Milliseconds of a webhook's budget that `keepEvent` needs: Record gets that much less time. 0 when no event can be kept.
   */
  readonly keepEventMs: number;

  /**
   * Asked to take charge of an event that Record did not take in time. True: it is on disk and will be recorded, so the event may be acknowledged.
   * False: it was not kept. Must not reject.
   */
  keepEvent(request: RecordRequest): Promise<boolean>;
}
