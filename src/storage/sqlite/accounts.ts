// The registry of accounts in SQLite. Events write it, in the writer thread.

import { create } from "@bufbuild/protobuf";
import { type AccountSources, AccountSourcesSchema } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { type AccountChangeRow, inStampOrder, selectChange, stampOfRow, writesOfRow } from "../account-change-rows.ts";
import { type AccountRecord, isLater, type Stamp } from "../account-merge.ts";
import { accountOfRow } from "../account-message.ts";
import { accountRevisionOf, type SourceEvent, valueSourceOf } from "../account-revision-messages.ts";
import { accountFields, nextRevision, type SaidFields } from "../account-revisions.ts";
import { type CountedAccountRow, recordOfRow, selectCountedAccount } from "../account-rows.ts";
import { formatStampPosition, pageOf, parseStampPosition } from "../page-positions.ts";
import { formatSequenceId } from "../sequence-ids.ts";
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

    async listAccountRevisions(appId, accountId, page) {
      const after = page.after === undefined ? undefined : parseStampPosition(page.after);
      const found: { row: AccountChangeRow; revision: number; before: SaidFields }[] = [];
      let said: SaidFields = {};
      let revision = 0;
      // What was said before a page is only known from the beginning on.
      for await (const row of changesOf(reader, appId, accountId)) {
        const writes = writesOfRow(row);
        const next = nextRevision(revision, said, writes);
        if (next > revision && (after === undefined || isLater(stampOfRow(row), after))) found.push({ row, revision: next, before: said });
        if (found.length > page.size) break;
        revision = next;
        said = { ...said, ...writes };
      }
      return pageOf(
        found,
        page.size,
        (item) =>
          accountRevisionOf({ appId, accountId, revision: item.revision }, eventOfRow(item.row), item.before, writesOfRow(item.row)),
        ({ row }) => formatStampPosition(stampOfRow(row)),
      );
    },
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

function eventOfRow(row: AccountChangeRow): SourceEvent {
  return {
    eventId: formatSequenceId("evt", row.seq),
    timeMs: row.time,
    timed: row.timed === 1,
    receiveTimeMs: row.receive_time,
    operator: row.operator,
    rank: row.rank,
  };
}
