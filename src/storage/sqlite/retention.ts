// Deleting what is old, in SQLite. The writer thread does it, a little at a time.
import type { Retention } from "../storage.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the retention over the two sides of the store. */
export function createRetention(reader: Reader, writer: Writer): Retention {
  return {
    async deleteOld(oldClass, beforeMs) {
      reader.assertOpen();
      const [deleted, isDone, busyMs] = await writer.write(["deleteOld", oldClass, beforeMs]);
      return { deleted, done: isDone === 1, busyMs };
    },
  };
}
