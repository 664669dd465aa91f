// Pages of the revisions of an account, of the changes that a store keeps.
import type { AccountRevision } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { type AccountChangeRow, stampOfRow, writesOfRow } from "./account-change-rows.ts";
import { isLater } from "./account-merge.ts";
import { accountRevisionOf, type SourceEvent } from "./account-revision-messages.ts";
import { nextRevision, type SaidFields } from "./account-revisions.ts";
import { formatStampPosition, pageOf, parseStampPosition } from "./page-positions.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { Page, PageRequest } from "./storage.ts";

/** A page of what each of an account's changes, which come in the order of their stamps from the first on, made of its fields. */
export async function revisionsPage(
  appId: number,
  accountId: string,
  page: PageRequest,
  changes: AsyncIterable<AccountChangeRow>,
): Promise<Page<AccountRevision>> {
  const after = page.after === undefined ? undefined : parseStampPosition(page.after);
  const found: { row: AccountChangeRow; revision: number; before: SaidFields }[] = [];
  let said: SaidFields = {};
  let revision = 0;
  // What was said before a page is only known from the beginning on.
  for await (const row of changes) {
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
    (item) => accountRevisionOf({ appId, accountId, revision: item.revision }, eventOfRow(item.row), item.before, writesOfRow(item.row)),
    ({ row }) => formatStampPosition(stampOfRow(row)),
  );
}

/** The event of a change, as a source tells of it. */
export function eventOfRow(row: AccountChangeRow): SourceEvent {
  return {
    eventId: formatSequenceId("evt", row.seq),
    timeMs: row.time,
    timed: row.timed === 1,
    receiveTimeMs: row.receive_time,
    operator: row.operator,
    rank: row.rank,
  };
}
