// The rows of one batch: what its writes read, by asking, and what they have written, which those after them see.
import type { AccountChange, AccountRecord } from "../account-merge.ts";
import type { SaidFields } from "../account-revisions.ts";
import { type CountedAccountRow, recordOfRow } from "../account-rows.ts";
import { digestHex } from "../message-json.ts";
import { type MessageRecord, unknownMessage } from "../message-merge.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { SubscriptionRecord } from "../subscription-merge.ts";
import { createUnderWay, type UnderWay } from "../under-way.ts";
import type { Asking } from "./asking.ts";
import { createKeyedRows } from "./keyed-rows.ts";
import { createWorkingCreations, type WorkingCreations } from "./working-creations.ts";
import { createWorkingFollowUps } from "./working-follow-ups.ts";
import { createWorkingLogs, type WorkingLogs } from "./working-logs.ts";
import { createWorkingParts, type WorkingParts } from "./working-parts.ts";

/** A row as JSON has it, by the tables of `gatehouse_commit`. */
export type Row = Record<string, unknown>;

/** What `gatehouse_commit` is given. */
export interface BatchRows {
  /** How many sequence numbers the rows use. */
  used: number;
  /** Whether the rows are only right when the log ends where it was seen to end. */
  isFixed: boolean;
  /** Tables without rows are left out. */
  rows: Record<string, unknown[]>;
}

/** The rows of a batch in one run of its writes. */
export interface WorkingRows extends WorkingCreations, WorkingParts, Pick<WorkingLogs, "insertDecision" | "insertEvent" | "eventSeq"> {
  asking: Asking;
  /** What decisions of the batch have taken and counted. */
  underWay: UnderWay;
  /** Gives the next sequence number, as it is when the log ends where it was seen to end. */
  nextSeq(): number;
  /** Adds a row to a table that nothing in the batch reads. */
  add(table: string, row: unknown): void;
  /** Names a version of the policy, which gets a row when it has none. */
  addPolicy(version: string): void;
  /** The decision that had the request_id before. */
  request(appId: number, requestId: string): { seq: number; digest: string } | undefined;
  keepRequest(appId: number, requestId: string, seq: number, digest: Uint8Array): void;
  account(appId: number, accountId: string): { row: CountedAccountRow; record: AccountRecord } | undefined;
  keepAccount(row: CountedAccountRow): void;
  /** What was said of an account's fields so far, in the order of the stamps. */
  saidOf(appId: number, accountId: string): SaidFields[];
  keepChange(appId: number, accountId: string, change: AccountChange, row: Row): void;
  subscription(appId: number, accountId: string, user: string): SubscriptionRecord | undefined;
  keepSubscription(appId: number, accountId: string, user: string, record: SubscriptionRecord): void;
  countSubscriptions(appId: number, accountId: string, user: string, more: number): void;
  message(appId: number, accountId: string, key: string): MessageRecord;
  keepMessage(appId: number, accountId: string, key: string, record: MessageRecord): void;
  count(key: { app_id: number; action: string; window_ms: number; key: string; start: number; first: number }): void;
  /** The app of a decision, and whether a fallback is known to have answered instead; undefined when there is no such decision. */
  decision(seq: number): { appId: number; isDegraded: boolean } | undefined;
  markDegraded(row: { seq: number; verdict: number; answer_time: number } & Row): void;
  /** Keeps what the shadow policy said of a decision; the first time counts. */
  keepShadow(row: { seq: number } & Row): void;
  /** All that was written. */
  result(): BatchRows;
}

/** Creates the rows of a batch, over what was read. */
export function createWorkingRows(asking: Asking): WorkingRows {
  // Nothing is written before the questions are answered.
  const position = asking.head()?.position ?? 0;
  let used = 0;
  let isFixed = false;
  const tables: Record<string, unknown[]> = {};
  const requests = createKeyedRows<{ seq: number; digest: string }>();
  const accounts = createKeyedRows<{ row: CountedAccountRow; record: AccountRecord }>();
  const changes = createKeyedRows<{ change: AccountChange; row: Row }[]>();
  const subscriptions = createKeyedRows<SubscriptionRecord & Row>();
  const subscriberCounts = createKeyedRows<{ app_id: number; account_id: string; more: number }>();
  const subscriptionCounts = createKeyedRows<{ app_id: number; subscriber: string; more: number }>();
  const messages = createKeyedRows<{ record: MessageRecord; place: Row }>();
  const counts = createKeyedRows<Row & { count: number }>();
  const degraded = new Map<number, { verdict: number; answer_time: number }>();
  const shadows = new Map<number, Row>();
  const policies = new Set<string>();

  function add(table: string, row: unknown): void {
    const rows = tables[table];
    if (rows === undefined) tables[table] = [row];
    else rows.push(row);
  }

  const nextSeq = () => {
    used += 1;
    return position + used;
  };
  function decisionId(seq: number): string {
    if (seq > position) isFixed = true;
    return formatSequenceId("dec", seq);
  }
  const logs = createWorkingLogs(asking, add);
  const followUps = createWorkingFollowUps(logs.eventOf);
  const creations = createWorkingCreations(asking, { add, nextSeq, followUps, decisionId });
  const parts = createWorkingParts(asking, {
    ...logs,
    followUps,
    answerOf(seq) {
      const answer = degraded.get(seq);
      return answer && [answer.verdict, answer.answer_time];
    },
    decisionId,
  });

  return {
    ...logs,
    ...creations,
    ...parts,
    asking,
    underWay: createUnderWay(),
    nextSeq,
    add,
    addPolicy: (version) => void policies.add(version),

    request(appId, requestId) {
      const known = requests.get(appId, requestId);
      if (known !== undefined) return known;
      const answer = asking.ask("request", appId, requestId) as [seq: number, digest: string] | null | undefined;
      return answer ? { seq: answer[0], digest: answer[1] } : undefined;
    },
    keepRequest: (appId, requestId, seq, digest) => requests.set({ seq, digest: digestHex(digest) }, appId, requestId),

    account(appId, accountId) {
      const known = accounts.get(appId, accountId);
      if (known !== undefined) return known;
      const row = asking.ask("account", appId, accountId) as CountedAccountRow | null | undefined;
      return row ? { row, record: recordOfRow(row) } : undefined;
    },
    keepAccount: (row) => accounts.set({ row, record: recordOfRow(row) }, row.app_id, row.account_id),

    saidOf(appId, accountId) {
      const inBatch = changes.get(appId, accountId) ?? [];
      const before = (asking.ask("accountChanges", appId, accountId) as (SaidRow & StampColumns)[] | null | undefined) ?? [];
      const all = [
        ...before.map((row) => ({ stamp: [row.time, row.rank, row.digest] as const, writes: writesOf(row) })),
        ...inBatch.map(({ change }) => ({ stamp: change.stamp, writes: change.writes })),
      ];
      return all.sort((a, b) => compareStamps(a.stamp, b.stamp)).map(({ writes }) => writes);
    },
    keepChange(appId, accountId, change, row) {
      const ofAccount = changes.get(appId, accountId);
      if (ofAccount === undefined) changes.set([{ change, row }], appId, accountId);
      else ofAccount.push({ change, row });
      add("accountChanges", row);
    },

    subscription(appId, accountId, user) {
      const known = subscriptions.get(appId, accountId, user);
      if (known !== undefined) return known;
      const answer = asking.ask("subscription", appId, accountId, user) as [number | null, number | null] | null | undefined;
      return answer ? { sinceMs: answer[0], untilMs: answer[1] } : undefined;
    },
    keepSubscription(appId, accountId, user, { sinceMs, untilMs }) {
      const place = { app_id: appId, account_id: accountId, subscriber: user };
      subscriptions.set({ ...place, since_time: sinceMs, until_time: untilMs, sinceMs, untilMs }, appId, accountId, user);
    },
    countSubscriptions(appId, accountId, user, more) {
      const ofAccount = subscriberCounts.get(appId, accountId)?.more ?? 0;
      subscriberCounts.set({ app_id: appId, account_id: accountId, more: ofAccount + more }, appId, accountId);
      const ofUser = subscriptionCounts.get(appId, user)?.more ?? 0;
      subscriptionCounts.set({ app_id: appId, subscriber: user, more: ofUser + more }, appId, user);
    },

    message(appId, accountId, key) {
      const known = messages.get(appId, accountId, key);
      if (known !== undefined) return known.record;
      return recordOfMessage(asking.ask("message", appId, accountId, key) as MessageColumns | null | undefined);
    },
    keepMessage(appId, accountId, key, record) {
      messages.set({ record, place: { app_id: appId, account_id: accountId, message_key: key } }, appId, accountId, key);
    },

    count(row) {
      const place = [row.app_id, row.action, row.window_ms, row.key, row.start] as const;
      counts.set({ ...row, count: (counts.get(...place)?.count ?? 0) + 1 }, ...place);
    },

    decision(seq) {
      const answer = asking.ask("decision", seq) as [appId: number, isDegraded: boolean] | null | undefined;
      return answer ? { appId: answer[0], isDegraded: answer[1] || degraded.has(seq) } : undefined;
    },
    markDegraded(row) {
      degraded.set(row.seq, row);
      add("degraded", row);
    },

    keepShadow(row) {
      if (!shadows.has(row.seq)) shadows.set(row.seq, row);
    },

    result() {
      const all: Record<string, readonly unknown[]> = {
        ...tables,
        ...creations.rows(),
        ...followUps.rows(),
        policies: [...policies],
        shadow: [...shadows.values()],
        accounts: accounts.values().map(({ row }) => row),
        subscriptions: subscriptions.values(),
        subscriberCounts: subscriberCounts.values(),
        subscriptionCounts: subscriptionCounts.values(),
        messages: messages.values().map(({ record, place }, n) => ({ n, ...place, ...columnsOfMessage(record) })),
        counts: counts.values(),
      };
      const rows = Object.fromEntries(Object.entries(all).filter(([, ofTable]) => ofTable.length > 0)) as Record<string, unknown[]>;
      return { used, isFixed, rows };
    },
  };
}

interface StampColumns {
  time: number;
  rank: number;
  digest: string;
}

interface SaidRow {
  owner: string | null;
  name: string | null;
  introduction: string | null;
  face_url: string | null;
  organization: string | null;
  state: number | null;
}

function writesOf(row: SaidRow): SaidFields {
  const { face_url: faceUrl, ...others } = row;
  const { owner, name, introduction, organization, state } = others;
  const fields = { owner, name, introduction, faceUrl, organization, state };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as SaidFields;
}

type AnyStamp = readonly [timeMs: number, rank: number, digest: string];

function compareStamps(a: AnyStamp, b: AnyStamp): number {
  return a[0] - b[0] || a[1] - b[1] || (a[2] < b[2] ? -1 : Number(a[2] > b[2]));
}

type MessageColumns = [number | null, number | null, string | null, number | null, number, number | null];

function recordOfMessage(columns: MessageColumns | null | undefined): MessageRecord {
  if (!columns) return unknownMessage;
  const [sentSeq, sentMs, sentDigest, messageTimeMs, onlineOnly, withdrawnMs] = columns;
  return { sentSeq, sentMs, sentDigest, messageTimeMs, onlineOnly, withdrawnMs };
}

function columnsOfMessage({ sentSeq, sentMs, sentDigest, messageTimeMs, onlineOnly, withdrawnMs }: MessageRecord): Row {
  return {
    sent_seq: sentSeq,
    sent_time: sentMs,
    sent_digest: sentDigest,
    message_time: messageTimeMs,
    online_only: onlineOnly,
    withdraw_time: withdrawnMs,
  };
}
