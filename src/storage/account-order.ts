// Positions in listings of accounts, by what these are ordered by before the id.
import type { CountedAccountRow } from "./account-rows.ts";
import { type AccountPosition, invalidPosition, parseAccountPosition } from "./page-positions.ts";
import type { AccountFilter, PageRequest } from "./storage.ts";

/** What accounts are ordered by before their id. */
export type OrderKey = "name" | "last_event_time" | undefined;

/** Where an account stands in a listing of an app. */
export function orderPositionOf(key: OrderKey, appId: number, row: CountedAccountRow): AccountPosition {
  const position = { appId, accountId: row.account_id };
  return key === undefined ? position : { ...position, key: String(row[key]) };
}

/** The position after which a page begins; undefined for the first one. Throws for one that is of another listing. */
export function parseOrderPosition(filter: AccountFilter, key: OrderKey, page: PageRequest): AccountPosition | undefined {
  if (page.after === undefined) return undefined;
  const position = parseAccountPosition(page.after, filter.appId);
  const at = position.key;
  const fits =
    key === undefined
      ? at === undefined
      : at !== undefined && (key === "name" ? at.startsWith(filter.namePrefix ?? "") : /^-?\d{1,16}$/.test(at));
  if (!fits) throw invalidPosition();
  return position;
}
