// How changes make an account: per field, the last writer wins, so that any order and number of deliveries ends in the same account.
import type { Account, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";

/** The fields that events write. */
export type AccountFields = Pick<Account, "owner" | "name" | "introduction" | "faceUrl" | "organization" | "state">;

/**
 * When a write happened, for comparing with others: its time, the rank of its kind at equal times, and the digest of its event in lower-case
 * hexadecimal, so that two different events are never at the same place.
 */
export type Stamp = readonly [timeMs: number, rank: number, digest: string];

/** What one event says of an account. Plain data: it may cross threads as JSON. */
export interface AccountChange {
  stamp: Stamp;
  /** The event's own time, null when it has none. */
  eventTimeMs: number | null;
  /** Whether the event is a creation. */
  creation: boolean;
  /** Whether the event says that the account is full. */
  full: boolean;
  /** Who did it; empty when the event does not say. */
  operator: string;
  writes: Partial<AccountFields>;
  /** The normal form of the name in `writes`, null when there is none. */
  normalizedName: string | null;
}

/** An account as stores keep it. */
export interface AccountRecord {
  fields: AccountFields;
  /** The normal form of the name. */
  normalizedName: string;
  /** The stamp of each field's last write; fields that nothing wrote have none. */
  stamps: Partial<Record<keyof AccountFields, Stamp>>;
  /** Whether a creation was ever seen. */
  created: boolean;
  /** The earliest and the latest time that an event had. */
  firstEventMs: number | null;
  lastEventMs: number | null;
  /** The latest time at which an event said that it is full. */
  fullMs: number | null;
}

/** An account that exists as far as events have said; this module loads no generated code, so that a writer thread can start quickly. */
const live: typeof AccountState.LIVE = 1;

/** The account after a change; `undefined` is an account of which nothing is known yet. Changes nothing that it is given. */
export function applyChange(account: AccountRecord | undefined, change: AccountChange): AccountRecord {
  const fields: AccountFields = account
    ? { ...account.fields }
    : { owner: "", name: "", introduction: "", faceUrl: "", organization: "", state: live };
  const stamps = { ...account?.stamps };
  let normalizedName = account?.normalizedName ?? "";
  for (const field of Object.keys(change.writes) as (keyof AccountFields)[]) {
    const before = stamps[field];
    if (before !== undefined && !isLater(change.stamp, before)) continue;
    Object.assign(fields, { [field]: change.writes[field] });
    stamps[field] = change.stamp;
    if (field === "name") normalizedName = change.normalizedName ?? "";
  }
  return {
    fields,
    normalizedName,
    stamps,
    created: change.creation || (account?.created ?? false),
    firstEventMs: earliest(account?.firstEventMs ?? null, change.eventTimeMs),
    lastEventMs: latest(account?.lastEventMs ?? null, change.eventTimeMs),
    fullMs: latest(account?.fullMs ?? null, change.full ? change.stamp[0] : null),
  };
}

/** Whether the change comes after every one that has written a field of the account. */
export function isLatest(change: AccountChange, account: AccountRecord | undefined): boolean {
  // The latest change of all has won every field that it wrote, so that its stamp is on the record.
  return Object.values(account?.stamps ?? {}).every((stamp) => isLater(change.stamp, stamp));
}

/** The owners that the change makes known and who do not own the account after it: whose it was, and whom a late change names. */
export function formerOwners(before: AccountRecord | undefined, { writes }: AccountChange, after: AccountRecord): string[] {
  const known = writes.owner === before?.fields.owner ? [writes.owner] : [writes.owner, before?.fields.owner];
  return known.filter((owner): owner is string => owner !== undefined && owner !== "" && owner !== after.fields.owner);
}

/** Whether `a` comes after `b`. */
export function isLater(a: Stamp, b: Stamp): boolean {
  if (a[0] !== b[0]) return a[0] > b[0];
  if (a[1] !== b[1]) return a[1] > b[1];
  return a[2] > b[2];
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
