// Listing and searching accounts in PostgreSQL: through one index, of which each page looks through no more than a bounded part.
import { accountOfRow } from "../account-message.ts";
import { type OrderKey, orderPositionOf, parseOrderPosition } from "../account-order.ts";
import { type CountedAccountRow, selectCountedAccount } from "../account-rows.ts";
import { type AccountPosition, formatAccountPosition } from "../page-positions.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { AccountFilter, Accounts } from "../storage.ts";
import type { Reader, SqlValue } from "./connections.ts";

/** How many accounts one page looks through at most for what an index does not answer. */
const accountsPerPage = 1000;

/** A condition and its parameters. */
interface Condition {
  sql: string;
  values: SqlValue[];
}

/** Whether an account passes what is no part of the walk. */
interface FoundRow extends CountedAccountRow {
  passes: boolean;
}

/** Creates the listing. */
export function createListAccounts(reader: Reader): Accounts["listAccounts"] {
  return async (filter, page) => {
    const key = orderKeyOf(filter);
    const after = parseOrderPosition(filter, key, page);
    const walk = walkOf(filter, key);
    const rest = restOf(filter, key);
    if (after !== undefined) walk.push(afterPosition(key, after, filter.appId));
    const order = ["app_id", ...(key === undefined ? [] : [key]), "account_id"].join(", ");
    const where = walk.length === 0 ? "" : `WHERE ${walk.map(({ sql }) => sql).join(" AND ")}`;
    const limit = rest.length === 0 ? page.size + 1 : accountsPerPage + 1;
    const passes = rest.length === 0 ? "true" : rest.map(({ sql }) => sql).join(" AND ");
    const rows = await reader.all<FoundRow>(
      `${selectCountedAccount.replace(" FROM", `, (${passes}) AS passes FROM`)} ${where} ORDER BY ${order} LIMIT ?`,
      ...rest.flatMap(({ values }) => values),
      ...walk.flatMap(({ values }) => values),
      limit,
    );
    const items = [];
    let last: FoundRow | undefined;
    for (const row of rows) {
      if (items.length === page.size || row === rows[limit - 1]) break;
      if (row.passes) items.push(accountOfRow(row));
      last = row;
    }
    const isAtEnd = last === undefined || last === rows.at(-1);
    return last === undefined || isAtEnd ? { items } : { items, next: formatAccountPosition(orderPositionOf(key, last.app_id, last)) };
  };
}

function orderKeyOf({ owner, normalizedName, namePrefix, lastEventFromMs, lastEventBeforeMs }: AccountFilter): OrderKey {
  if (owner !== undefined || normalizedName !== undefined) return undefined;
  if (namePrefix !== undefined) return "name";
  return lastEventFromMs !== undefined || lastEventBeforeMs !== undefined ? "last_event_time" : undefined;
}

/** What an index answers. */
function walkOf(filter: AccountFilter, key: OrderKey): Condition[] {
  const conditions = filter.appId === undefined ? [] : [{ sql: "app_id = ?", values: [filter.appId] }];
  if (key === "name") return [...conditions, ...beginsWith(filter.namePrefix ?? "")];
  if (key === "last_event_time") return [...conditions, ...inTime(filter)];
  if (filter.normalizedName !== undefined) return [...conditions, equals("normalized_name", filter.normalizedName)];
  if (filter.owner !== undefined) return [...conditions, equals("owner", filter.owner)];
  return conditions;
}

/** What each account is looked at for. */
function restOf(filter: AccountFilter, key: OrderKey): Condition[] {
  const rest: Condition[] = [];
  if (filter.state !== undefined) rest.push(equals("state", filter.state));
  if (filter.normalizedName !== undefined && filter.owner !== undefined) rest.push(equals("owner", filter.owner));
  if (key !== "name" && filter.namePrefix !== undefined) rest.push(...beginsWith(filter.namePrefix));
  if (key !== "last_event_time") rest.push(...inTime(filter));
  return rest;
}

function equals(column: string, value: SqlValue): Condition {
  return { sql: `${column} = ?`, values: [value] };
}

function beginsWith(prefix: string): Condition[] {
  const end = prefixEnd(prefix);
  const lower = { sql: "name >= ?", values: [prefix] };
  return end === undefined ? [lower] : [lower, { sql: "name < ?", values: [end] }];
}

function inTime({ lastEventFromMs: fromMs, lastEventBeforeMs: beforeMs }: AccountFilter): Condition[] {
  return [
    ...(fromMs === undefined ? [] : [{ sql: "last_event_time >= ?", values: [fromMs] }]),
    ...(beforeMs === undefined ? [] : [{ sql: "last_event_time < ?", values: [beforeMs] }]),
  ];
}

function afterPosition(key: OrderKey, { appId, accountId, key: at }: AccountPosition, ofApp: number | undefined): Condition {
  const columns = [...(ofApp === undefined ? ["app_id"] : []), ...(key === undefined ? [] : [key]), "account_id"];
  const values = [
    ...(ofApp === undefined ? [appId] : []),
    ...(key === undefined ? [] : [key === "name" ? (at ?? "") : Number(at)]),
    accountId,
  ];
  return { sql: `(${columns.join(", ")}) > (${columns.map(() => "?").join(", ")})`, values };
}
