// The registry of accounts in SQLite. Events write it, in the writer thread.

import { create } from "@bufbuild/protobuf";
import { type AccountSources, AccountSourcesSchema } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { type AccountChangeRow, inStampOrder, selectChange } from "../account-change-rows.ts";
import type { AccountRecord, Stamp } from "../account-merge.ts";
import { accountOfRow } from "../account-message.ts";
import { valueSourceOf } from "../account-revision-messages.ts";
import { eventOfRow, revisionsPage } from "../account-revision-page.ts";
import { accountFields } from "../account-revisions.ts";
import { type CountedAccountRow, recordOfRow, selectCountedAccount } from "../account-rows.ts";
import type { Accounts } from "../storage.ts";
import { createListAccounts } from "./account-listing.ts";
import { createMessages } from "./messages.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader } from "./reader.ts";

/** How many changes one statement reads; few accounts have as many. */
const changesPerPart = 500;

/** Creates the registry over the reading side of the store. */
export function createAccounts(reader: Reader): Accounts {
  function sourceAt(appId: number, accountId: string, [timeMs, rank, digest]: Stamp) {
    const place = "app_id = ? AND account_id = ? AND time = ? AND rank = ? AND digest = ?";
    const row = reader.get<AccountChangeRow>(`${selectChange} WHERE ${place}`, appId, accountId, timeMs, rank, Buffer.from(digest, "hex"));
    return row && valueSourceOf(eventOfRow(row));
  }

  /** The sources of the fields, by the stamps of their last writes. Fields that one event has written share one. */
  function sourcesOf(appId: number, accountId: string, { stamps }: AccountRecord): AccountSources {
    const found = new Map<string, ReturnType<typeof sourceAt>>();
    const sources = create(AccountSourcesSchema);
    for (const field of accountFields) {
      const stamp = stamps[field];
      if (stamp === undefined) continue;
      const [, , digest] = stamp;
      if (!found.has(digest)) found.set(digest, sourceAt(appId, accountId, stamp));
      const source = found.get(digest);
      if (source !== undefined) sources[field] = source;
    }
    return sources;
  }

  return {
    ...createMessages(reader),

    async getAccount(appId, accountId) {
      const row = reader.get<CountedAccountRow>(`${selectCountedAccount} WHERE app_id = ? AND account_id = ?`, appId, accountId);
      if (row === undefined) return undefined;
      return { ...accountOfRow(row), sources: sourcesOf(appId, accountId, recordOfRow(row)) };
    },

    listAccounts: createListAccounts(reader),

    listAccountRevisions: (appId, accountId, page) => revisionsPage(appId, accountId, page, changesOf(reader, appId, accountId)),
  };
}

/** All that was said of an account's fields, in the order of the stamps; others have a turn between the parts. */
async function* changesOf(reader: Reader, appId: number, accountId: string): AsyncGenerator<AccountChangeRow> {
  const select = `${selectChange} WHERE app_id = ? AND account_id = ?`;
  const end = `${inStampOrder} LIMIT ${changesPerPart}`;
  let rows = reader.all<AccountChangeRow>(`${select} ${end}`, appId, accountId);
  while (true) {
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < changesPerPart) return;
    await nextTurn();
    const after = [last.time, last.rank, last.digest];
    rows = reader.all<AccountChangeRow>(`${select} AND (time, rank, digest) > (?, ?, ?) ${end}`, appId, accountId, ...after);
  }
}
