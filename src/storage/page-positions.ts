// Where pages begin: the positions in results, written as strings and read back with suspicion.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Stamp } from "./account-merge.ts";
import type { Page } from "./storage.ts";

const maxAppId = 0xffff_ffff;
const entryMark = "value:";
/** JSON never has it, and neither has a name or an account id. */
const keyMark = "\0";

/** An account's place in the order of accounts. */
export interface AccountPosition {
  appId: number;
  accountId: string;
  /** What the accounts of an app are ordered by before the account id, when there is such a thing. */
  key?: string;
}

/** Reads the position in a log, a sequence number in decimal. Throws INVALID_PAGE_TOKEN for anything else. */
export function parseLogPosition(position: string): number {
  const seq = /^[1-9][0-9]{0,15}$/.test(position) ? Number(position) : Number.NaN;
  if (!Number.isSafeInteger(seq)) throw invalidPosition();
  return seq;
}

/** Writes the position of an account: its key as it is, since escapes could outgrow the limit of a page token. */
export function formatAccountPosition({ appId, accountId, key }: AccountPosition): string {
  const place = JSON.stringify([appId, accountId]);
  return key === undefined ? place : place + keyMark + key;
}

/** Reads what formatAccountPosition wrote, for an account of `ofApp` when that is given, and nothing else. Throws INVALID_PAGE_TOKEN. */
export function parseAccountPosition(position: string, ofApp?: number): AccountPosition {
  const mark = position.indexOf(keyMark);
  const place = mark < 0 ? position : position.slice(0, mark);
  let parsed: unknown;
  try {
    parsed = JSON.parse(place);
  } catch {
    throw invalidPosition();
  }
  if (!Array.isArray(parsed)) throw invalidPosition();
  const [appId, accountId] = parsed as unknown[];
  if (typeof appId !== "number" || !Number.isInteger(appId) || appId < 0 || appId > maxAppId) throw invalidPosition();
  if (appId !== (ofApp ?? appId)) throw invalidPosition();
  if (typeof accountId !== "string" || formatAccountPosition({ appId, accountId }) !== place) throw invalidPosition();
  return mark < 0 ? { appId, accountId } : { appId, accountId, key: position.slice(mark + 1) };
}

/** Writes the position of a revision. */
export function formatStampPosition(stamp: Stamp): string {
  return JSON.stringify(stamp);
}

/** Reads what formatStampPosition wrote, and nothing else. Throws INVALID_PAGE_TOKEN. */
export function parseStampPosition(position: string): Stamp {
  const [, timeMs = "", rank = "", digest = ""] = /^\[(-?\d{1,16}),(\d),"([0-9a-f]+)"\]$/.exec(position) ?? [];
  const stamp: Stamp = [Number(timeMs), Number(rank), digest];
  if (!Number.isSafeInteger(stamp[0]) || formatStampPosition(stamp) !== position) throw invalidPosition();
  return stamp;
}

/** Writes the position of a list's entry: a mark and the value as it is, since escapes could outgrow the limit of a page token. */
export function formatEntryPosition(value: string): string {
  return entryMark + value;
}

/** Reads what formatEntryPosition wrote, for a value with the prefix, and nothing else. Throws INVALID_PAGE_TOKEN. */
export function parseEntryPosition(position: string, prefix = ""): string {
  if (!position.startsWith(entryMark + prefix)) throw invalidPosition();
  return position.slice(entryMark.length);
}

/**
 * Makes a page of rows of which one more than `size` were asked for: the one too many shows that there is a next page, which begins after
 * the last that is kept.
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  size: number,
  item: (row: Row) => Item,
  position: (row: Row) => string,
): Page<Item> {
  const kept = rows.slice(0, size);
  const last = kept.at(-1);
  const items = kept.map(item);
  return rows.length > size && last !== undefined ? { items, next: position(last) } : { items };
}

/** The error for a position that the store cannot have given. */
export function invalidPosition(): GatehouseError {
  return new GatehouseError(
    ErrorReason.INVALID_PAGE_TOKEN,
    "The page token is not one that was given for this list; start again without one.",
  );
}
