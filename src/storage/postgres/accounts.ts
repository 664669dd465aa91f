// The registry of accounts in PostgreSQL. Events write it.
import { create } from "@bufbuild/protobuf";
import { type AccountSources, AccountSourcesSchema } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { type AccountChangeRow, inStampOrder, selectChange } from "../account-change-rows.ts";
import type { AccountRecord, Stamp } from "../account-merge.ts";
import { accountOfRow } from "../account-message.ts";
import { valueSourceOf } from "../account-revision-messages.ts";
import { eventOfRow, revisionsPage } from "../account-revision-page.ts";
import { accountFields } from "../account-revisions.ts";
import { type CountedAccountRow, recordOfRow, selectCountedAccount } from "../account-rows.ts";
import { type MessageRow, messageOfRow, selectMessages } from "../message-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Accounts } from "../storage.ts";
import { createListAccounts } from "./account-listing.ts";
import type { Reader } from "./connections.ts";

/** How many changes one statement reads; few accounts have as many. */
const changesPerPart = 1000;

/** Creates the registry. */
export function createAccounts(reader: Reader): Accounts {
  /** The sources of the fields, by the stamps of their last writes. Fields that one event has written share one. */
  async function sourcesOf(appId: number, accountId: string, { stamps }: AccountRecord): Promise<AccountSources> {
    const found = new Map<string, ReturnType<typeof valueSourceOf> | undefined>();
    const sources = create(AccountSourcesSchema);
    for (const field of accountFields) {
      const stamp = stamps[field];
      if (stamp === undefined) continue;
      const [, , digest] = stamp;
      if (!found.has(digest)) found.set(digest, await sourceAt(appId, accountId, stamp));
      const source = found.get(digest);
      if (source !== undefined) sources[field] = source;
    }
    return sources;
  }

  async function sourceAt(appId: number, accountId: string, [timeMs, rank, digest]: Stamp) {
    const place = "app_id = ? AND account_id = ? AND time = ? AND rank = ? AND digest = ?";
    const values = [appId, accountId, timeMs, rank, Buffer.from(digest, "hex")];
    const row = await reader.get<AccountChangeRow>(`${selectChange} WHERE ${place}`, ...values);
    return row && valueSourceOf(eventOfRow(row));
  }

  return {
    async getAccount(appId, accountId) {
      const row = await reader.get<CountedAccountRow>(`${selectCountedAccount} WHERE app_id = ? AND account_id = ?`, appId, accountId);
      if (row === undefined) return undefined;
      return { ...accountOfRow(row), sources: await sourcesOf(appId, accountId, recordOfRow(row)) };
    },

    listAccounts: createListAccounts(reader),

    listAccountRevisions: (appId, accountId, page) => revisionsPage(appId, accountId, page, changesOf(reader, appId, accountId)),

    async listMessages(appId, accountId, page) {
      const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      const rows = await reader.all<MessageRow>(selectMessages, appId, accountId, before, page.size + 1);
      return pageOf(rows, page.size, messageOfRow, (row) => String(row.message_id));
    },
  };
}

/** All that was said of an account's fields, in the order of the stamps. */
async function* changesOf(reader: Reader, appId: number, accountId: string): AsyncGenerator<AccountChangeRow> {
  const select = `${selectChange} WHERE app_id = ? AND account_id = ?`;
  const end = `${inStampOrder} LIMIT ${changesPerPart}`;
  let rows = await reader.all<AccountChangeRow>(`${select} ${end}`, appId, accountId);
  while (true) {
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < changesPerPart) return;
    const after = [last.time, last.rank, last.digest];
    rows = await reader.all<AccountChangeRow>(`${select} AND (time, rank, digest) > (?, ?, ?) ${end}`, appId, accountId, ...after);
  }
}
