// Tells operators what retention does: counts of every step, and a line for each run.
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** Creates the reports. */
export function createRetentionReports(metrics: Pick<Metrics, "oldDeleted">, log: Logger) {
  return {
    onStep: (oldClass: string, deleted: number, busyMs: number) => metrics.oldDeleted(snakeCase(oldClass), deleted, busyMs),
    onRun: (deleted: Readonly<Record<string, number>>) => log.info({ deleted }, "what is older than it is kept was deleted"),
    onFailed: (error: unknown) => log.error({ error }, "what is older than it is kept could not be deleted; it is tried again"),
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
