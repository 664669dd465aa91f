// Accounts as rows of the table `accounts`, for both sides of the store.
import type { AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { AccountRecord } from "./account-merge.ts";

/** A row as `selectAccount` reads it. */
export interface AccountRow {
  app_id: number;
  account_id: string;
  owner: string;
  name: string;
  normalized_name: string;
  introduction: string;
  face_url: string;
  organization: string;
  state: AccountState;
  created: number;
  first_event_time: number | null;
  last_event_time: number | null;
  full_time: number | null;
  stamps: string;
  /** The number of the current revision; 0 when no event has said anything of the fields. */
  revision: number;
}

/** A row as `selectCountedAccount` reads it. */
export interface CountedAccountRow extends AccountRow {
  messages_sent: number;
  messages_withdrawn: number;
}

const columns = `app_id, account_id, owner, name, normalized_name, introduction, face_url, organization, state, created,
    first_event_time, last_event_time, full_time, stamps, revision`;

/** Reads whole rows; a WHERE may follow. */
export const selectAccount = `SELECT ${columns} FROM accounts`;

/** Reads whole rows with their counts, which are written apart from them; a WHERE may follow. */
export const selectCountedAccount = `SELECT ${columns}, messages_sent, messages_withdrawn FROM accounts`;

/** Writes a whole row: the app, the account, the values of its record, and its revision. */
export const upsertAccount = `INSERT INTO accounts (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (app_id, account_id) DO UPDATE SET
    owner = excluded.owner, name = excluded.name, normalized_name = excluded.normalized_name, introduction = excluded.introduction,
    face_url = excluded.face_url, organization = excluded.organization, state = excluded.state, created = excluded.created,
    first_event_time = excluded.first_event_time, last_event_time = excluded.last_event_time, full_time = excluded.full_time,
    stamps = excluded.stamps, revision = excluded.revision`;

/** Writes of a row what no search asks, and the times, with the revision: the values of its record that these are, then app and account. */
export const updateUnsearched = `UPDATE accounts SET introduction = ?, face_url = ?, organization = ?, created = ?, first_event_time = ?,
    last_event_time = ?, stamps = ?, revision = ? WHERE app_id = ? AND account_id = ?`;

/** The record of a row. */
export function recordOfRow(row: AccountRow): AccountRecord {
  return {
    fields: {
      owner: row.owner,
      name: row.name,
      introduction: row.introduction,
      faceUrl: row.face_url,
      organization: row.organization,
      state: row.state,
    },
    normalizedName: row.normalized_name,
    stamps: JSON.parse(row.stamps) as AccountRecord["stamps"],
    created: row.created === 1,
    firstEventMs: row.first_event_time,
    lastEventMs: row.last_event_time,
    fullMs: row.full_time,
  };
}

/** The values of a record, in the order of the columns between the account and the revision. */
export function valuesOfRecord({
  fields,
  normalizedName,
  created,
  firstEventMs,
  lastEventMs,
  fullMs,
  stamps,
}: AccountRecord): (string | number | null)[] {
  return [
    fields.owner,
    fields.name,
    normalizedName,
    fields.introduction,
    fields.faceUrl,
    fields.organization,
    fields.state,
    created ? 1 : 0,
    firstEventMs,
    lastEventMs,
    fullMs,
    JSON.stringify(stamps),
  ];
}
