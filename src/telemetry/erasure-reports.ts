// Tells operators of erasures, without whose they are.
import type { Logger } from "./logger.ts";

/** Creates the reports. */
export function createErasureReports(log: Logger) {
  return {
    onEnded: (erasureId: string) => log.info({ erasureId }, "an erasure has ended"),
    onFailed: (error: unknown) => log.error({ error }, "an erasure could not go on; it is tried again"),
  };
}
