// The registry of accounts in SQLite. Events write it, in the writer thread.
import type { Account } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { accountOf } from "../account-change.ts";
import { formatAccountPosition, pageOf, parseAccountPosition } from "../page-positions.ts";
import type { Accounts } from "../storage.ts";
import { type AccountRow, recordOfRow, selectAccount } from "./account-rows.ts";
import type { Reader, SqlValue } from "./reader.ts";

/** Creates the registry over the reading side of the store. */
export function createAccounts(reader: Reader): Accounts {
  return {
    async getAccount(appId, accountId) {
      const row = reader.get<AccountRow>(`${selectAccount} WHERE app_id = ? AND account_id = ?`, appId, accountId);
      return row && accountOfRow(row);
    },

    async listAccounts({ appId, owner, state }, page) {
      const conditions: string[] = [];
      const values: SqlValue[] = [];
      function ask(condition: string, ...asked: (SqlValue | undefined)[]): void {
        const known = asked.filter((value) => value !== undefined);
        if (known.length < asked.length) return;
        conditions.push(condition);
        values.push(...known);
      }
      const after = page.after === undefined ? undefined : parseAccountPosition(page.after, appId);
      ask("app_id = ?", appId);
      ask("owner = ?", owner);
      ask("state = ?", state);
      if (appId === undefined) ask("(app_id, account_id) > (?, ?)", after?.appId, after?.accountId);
      else ask("account_id > ?", after?.accountId);
      const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
      const rows = reader.all<AccountRow>(`${selectAccount} ${where} ORDER BY app_id, account_id LIMIT ?`, ...values, page.size + 1);
      return pageOf(rows, page.size, accountOfRow, (row) => formatAccountPosition({ appId: row.app_id, accountId: row.account_id }));
    },
  };
}

function accountOfRow(row: AccountRow): Account {
  return accountOf(row.app_id, row.account_id, recordOfRow(row));
}
