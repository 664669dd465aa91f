// What events have said of accounts, as rows of the table `account_changes`, for both sides of the store.
import type { AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { Stamp } from "./account-merge.ts";
import type { SaidFields } from "./account-revisions.ts";

/** A row as `selectChange` reads it. */
export interface AccountChangeRow {
  time: number;
  rank: number;
  digest: Buffer;
  seq: number;
  /** 1 when the time is the event's own, 0 when it is that of its receipt. */
  timed: number;
  receive_time: number | null;
  operator: string;
  owner: string | null;
  name: string | null;
  introduction: string | null;
  face_url: string | null;
  organization: string | null;
  state: AccountState | null;
}

const columns = "time, rank, digest, seq, timed, receive_time, operator, owner, name, introduction, face_url, organization, state";

/** Reads whole rows; a WHERE may follow. */
export const selectChange = `SELECT ${columns} FROM account_changes`;

/** The order of stamps. */
export const inStampOrder = "ORDER BY time, rank, digest";

/** Writes a row: the app, the account, and the other columns. One that is there stays: a late repeat of an event that is not kept any more. */
export const insertChange = `INSERT INTO account_changes (app_id, account_id, ${columns})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

/** The values of a change's fields, in the order of the columns; null for those that it does not write. */
export function valuesOfWrites(writes: SaidFields): (string | number | null)[] {
  return [
    writes.owner ?? null,
    writes.name ?? null,
    writes.introduction ?? null,
    writes.faceUrl ?? null,
    writes.organization ?? null,
    writes.state ?? null,
  ];
}

/** The fields that the change of a row writes. */
export function writesOfRow(row: AccountChangeRow): SaidFields {
  const writes: SaidFields = {};
  if (row.owner !== null) writes.owner = row.owner;
  if (row.name !== null) writes.name = row.name;
  if (row.introduction !== null) writes.introduction = row.introduction;
  if (row.face_url !== null) writes.faceUrl = row.face_url;
  if (row.organization !== null) writes.organization = row.organization;
  if (row.state !== null) writes.state = row.state;
  return writes;
}

/** The stamp of a row. */
export function stampOfRow({ time, rank, digest }: AccountChangeRow): Stamp {
  return [time, rank, digest.toString("hex")];
}
