// Accounts as messages, of the rows that stores keep.
import type { Account } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { accountOf } from "./account-change.ts";
import { type CountedAccountRow, recordOfRow } from "./account-rows.ts";

/** The account of a row. */
export function accountOfRow(row: CountedAccountRow): Account {
  const account = accountOf(row.app_id, row.account_id, recordOfRow(row));
  account.revision = row.revision;
  account.messagesSent = row.messages_sent;
  account.messagesWithdrawn = row.messages_withdrawn;
  return account;
}
