// The messages of accounts in SQLite. Events write them, in the writer thread.

import { type MessageRow, messageOfRow, selectMessages } from "../message-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Accounts } from "../storage.ts";
import type { Reader } from "./reader.ts";

/** Creates the log of messages over the reading side of the store. */
export function createMessages(reader: Reader): Pick<Accounts, "listMessages"> {
  return {
    async listMessages(appId, accountId, page) {
      const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      const rows = reader.all<MessageRow>(selectMessages, appId, accountId, before, page.size + 1);
      return pageOf(rows, page.size, messageOfRow, (row) => String(row.message_id));
    },
  };
}
