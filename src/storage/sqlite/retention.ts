// Deleting what is old, in SQLite. The writer thread does it, a little at a time.
import type { Retention } from "../storage.ts";
import { unpackDeletedOld } from "./deleted-old.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the retention over the two sides of the store. */
export function createRetention(reader: Reader, writer: Writer): Retention {
  return {
    async deleteOld(oldClass, beforeMs) {
      reader.assertOpen();
      return unpackDeletedOld(await writer.write(["deleteOld", oldClass, beforeMs]));
    },
  };
}
