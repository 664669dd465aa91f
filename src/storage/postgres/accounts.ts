// The registry of accounts in PostgreSQL. Events write it.
import { create } from "@bufbuild/protobuf";
import { type AccountSources, AccountSourcesSchema } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { type AccountChangeRow, inStampOrder, selectChange, stampOfRow, writesOfRow } from "../account-change-rows.ts";
import { type AccountRecord, isLater, type Stamp } from "../account-merge.ts";
import { accountOfRow } from "../account-message.ts";
import { accountRevisionOf, type SourceEvent, valueSourceOf } from "../account-revision-messages.ts";
import { accountFields, nextRevision, type SaidFields } from "../account-revisions.ts";
import { type CountedAccountRow, recordOfRow, selectCountedAccount } from "../account-rows.ts";
import { type MessageRow, messageOfRow, selectMessages } from "../message-rows.ts";
import { formatStampPosition, pageOf, parseLogPosition, parseStampPosition } from "../page-positions.ts";
import { formatSequenceId } from "../sequence-ids.ts";
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
