// What happens to decisions when time goes by, in SQLite. The writer thread does it.
import type { FollowUps } from "../storage.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the sweep over the two sides of the store. */
export function createFollowUps(reader: Reader, writer: Writer): FollowUps {
  return {
    async sweepFollowUps(nowMs, { reservationMs, keepMs }) {
      reader.assertOpen();
      const [createAccount, addSubscribers, sendMessage, isDone] = await writer.write(["sweepFollowUps", nowMs, reservationMs, keepMs]);
      return { abandoned: { createAccount, addSubscribers, sendMessage }, done: isDone === 1 };
    },
  };
}
