// Listing and searching accounts: through one index, in parts that are looked through for the filters that it does not answer.

import { AccountState } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { accountOfRow } from "../account-message.ts";
import { type OrderKey, orderPositionOf, parseOrderPosition } from "../account-order.ts";
import { type CountedAccountRow, selectCountedAccount } from "../account-rows.ts";
import { type AccountPosition, formatAccountPosition, pageOf } from "../page-positions.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { AccountFilter, Accounts } from "../storage.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";

/** How many accounts one statement looks through when an index does not answer the whole filter, and how many such parts one page may take. */
const accountsPerPart = 500;
const partsPerPage = 2;

const everyState = [AccountState.LIVE, AccountState.DESTROYED];

/** A condition and its parameters. */
interface Condition {
  sql: string;
  values: readonly SqlValue[];
}

/** The way through the accounts of one app for a filter. */
interface Route {
  /** Undefined: the table itself. */
  index: string | undefined;
  /** What the accounts are ordered by before their id. */
  key: OrderKey;
  /** Conditions that the index answers. The index is gone through once for each, and what comes is merged. */
  branches: readonly (readonly Condition[])[];
  /** The range of the key. A bound of a part takes the place of the one here, which it implies: the planner would use either. */
  range: { lower?: Condition | undefined; upper?: Condition | undefined };
  /** Conditions for which each account is looked at. */
  rest: readonly Condition[];
}

/** Creates the listing over the reading side of the store. */
export function createListAccounts(reader: Reader): Accounts["listAccounts"] {
  function nextApp(after: number): number | undefined {
    return reader.get<{ app: number | null }>("SELECT min(app_id) AS app FROM accounts WHERE app_id > ?", after)?.app ?? undefined;
  }

  /** The last account of the next part, at which looking on begins; undefined when this part reaches the end. */
  function endOfPart(route: Route, appId: number, after: AccountPosition | undefined): AccountPosition | undefined {
    const select = `SELECT account_id${route.key === undefined ? "" : `, ${route.key}`} FROM accounts`;
    const { sql, values } = statement(select, { ...route, rest: [] }, appId, after);
    const row = reader.get<CountedAccountRow>(`${sql} LIMIT 1 OFFSET ${accountsPerPart - 1}`, ...values);
    return row && orderPositionOf(route.key, appId, row);
  }

  function readPart(route: Route, appId: number, after: AccountPosition | undefined, to: AccountPosition | undefined, limit: number) {
    const { sql, values } = statement(selectCountedAccount, route, appId, after, to);
    return reader.all<CountedAccountRow>(`${sql} LIMIT ?`, ...values, limit);
  }

  return async (filter, page) => {
    const route = routeOf(filter);
    let after = parseOrderPosition(filter, route.key, page);
    const found: CountedAccountRow[] = [];
    const wanted = page.size + 1;
    let parts = 0;
    for (
      let app = filter.appId ?? after?.appId ?? nextApp(-1);
      app !== undefined;
      app = filter.appId === undefined ? nextApp(app) : undefined
    ) {
      while (true) {
        const to = route.rest.length === 0 ? undefined : endOfPart(route, app, after);
        found.push(...readPart(route, app, after, to, wanted - found.length));
        if (found.length === wanted) {
          return pageOf(found, page.size, accountOfRow, (row) => formatAccountPosition(orderPositionOf(route.key, row.app_id, row)));
        }
        after = to;
        if (to === undefined) break;
        parts += 1;
        if (parts === partsPerPage) return { items: found.map(accountOfRow), next: formatAccountPosition(to) };
        await nextTurn();
      }
    }
    return { items: found.map(accountOfRow) };
  };
}

/** The index that leaves the least to look at comes first; each delivers its accounts in the order of the listing. */
function routeOf(filter: AccountFilter): Route {
  const { owner, normalizedName, namePrefix, state, lastEventFromMs: fromMs, lastEventBeforeMs: beforeMs } = filter;
  const prefixes = namePrefix === undefined ? {} : beginsWith(namePrefix);
  const times = {
    lower: fromMs === undefined ? undefined : { sql: "last_event_time >= ?", values: [fromMs] },
    upper: beforeMs === undefined ? undefined : { sql: "last_event_time < ?", values: [beforeMs] },
  };
  const ofOwner = owner === undefined ? [] : [equals("owner", owner)];
  const ofState = state === undefined ? [] : [equals("state", state)];
  const ofName = conditionsOf(prefixes);
  const ofTime = conditionsOf(times);
  // These two indexes have the state before the account id: only accounts of one state come in the order of their ids.
  const inEachState = (condition: Condition) =>
    (state === undefined ? everyState : [state]).map((one) => [condition, equals("state", one)]);
  if (normalizedName !== undefined) {
    const branches = inEachState(equals("normalized_name", normalizedName));
    return { index: "accounts_by_normalized_name", key: undefined, branches, range: {}, rest: [...ofOwner, ...ofName, ...ofTime] };
  }
  if (owner !== undefined) {
    const branches = inEachState(equals("owner", owner));
    return { index: "accounts_by_owner", key: undefined, branches, range: {}, rest: [...ofName, ...ofTime] };
  }
  if (namePrefix !== undefined) {
    return { index: "accounts_by_name", key: "name", branches: [[]], range: prefixes, rest: [...ofTime, ...ofState] };
  }
  if (ofTime.length > 0) return { index: "accounts_by_last_event", key: "last_event_time", branches: [[]], range: times, rest: ofState };
  if (state === AccountState.DESTROYED) {
    // Written out: the planner takes a partial index only for what it can see.
    return { index: "accounts_destroyed", key: undefined, branches: [[{ sql: "state = 2", values: [] }]], range: {}, rest: [] };
  }
  return { index: undefined, key: undefined, branches: [[]], range: {}, rest: ofState };
}

/** The statement that goes along a route through one app, after one position and up to another, but for its LIMIT. */
function statement(select: string, route: Route, appId: number, after?: AccountPosition, to?: AccountPosition) {
  const { index, key, branches, range, rest } = route;
  const place = key === undefined ? "account_id" : `${key}, account_id`;
  const bounds = conditionsOf({
    lower: after === undefined ? range.lower : bound(key, ">", after),
    upper: to === undefined ? range.upper : bound(key, "<=", to),
  });
  const all = branches.map((branch) => [equals("app_id", appId), ...branch, ...bounds, ...rest]);
  const from = index === undefined ? select : `${select} INDEXED BY ${index}`;
  const selects = all.map((conditions) => `${from} WHERE ${conditions.map(({ sql }) => sql).join(" AND ")}`);
  return {
    sql: `${selects.join(" UNION ALL ")} ORDER BY ${place}`,
    values: all.flatMap((conditions) => conditions.flatMap(({ values }) => values)),
  };
}

function bound(key: Route["key"], operator: ">" | "<=", { accountId, key: at }: AccountPosition): Condition {
  if (key === undefined) return { sql: `account_id ${operator} ?`, values: [accountId] };
  return { sql: `(${key}, account_id) ${operator} (?, ?)`, values: [key === "name" ? (at ?? "") : Number(at), accountId] };
}

function equals(column: string, value: SqlValue): Condition {
  return { sql: `${column} = ?`, values: [value] };
}

function beginsWith(prefix: string): Route["range"] {
  const end = prefixEnd(prefix);
  return {
    lower: { sql: "name >= ?", values: [prefix] },
    upper: end === undefined ? undefined : { sql: "name < ?", values: [end] },
  };
}

function conditionsOf({ lower, upper }: Route["range"]): Condition[] {
  return [lower, upper].filter((condition) => condition !== undefined);
}
