// How events are written, with all that comes of them. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { AccountChange } from "../account-merge.ts";
import type { HappenedValues } from "../creation-rows.ts";
import type { Creations, EventJoin } from "../creations.ts";
import type { MessageChange } from "../message-merge.ts";
import type { HappenedParts, PartFollowUps } from "../part-follow-ups.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { SubscriptionChange } from "../subscription-merge.ts";
import type { Sequence } from "./sequence.ts";
import { prepareAccounts } from "./write-accounts.ts";
import type { InsertDecision } from "./write-decisions.ts";
import { prepareMessages } from "./write-messages.ts";
import { prepareSubscriptions } from "./write-subscriptions.ts";
import type { UserSegments } from "./write-user-segments.ts";
import type { DecisionValues, WriteOperations } from "./writes.ts";

/** Where the id of the event stands among the values of a decision: at the end. */
const eventIdIndex = 11;

/** Prepares the appending of events. */
export function eventAppender(
  db: Database,
  sequence: Sequence,
  insertDecision: InsertDecision,
  creations: Creations,
  parts: Pick<PartFollowUps, "join">,
  userSegments: UserSegments,
): WriteOperations["appendEvent"] {
  const insert = db.prepare(
    `INSERT INTO events (seq, app_id, account_id, digest, event_time, receive_time, body, follow_up, decision_seq)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (coalesce(event_time, 0), digest) DO NOTHING`,
  );
  const findSame = db.prepare("SELECT seq FROM events WHERE coalesce(event_time, 0) = ? AND digest = ?").pluck();
  const applyToAccount = prepareAccounts(db);
  const applySubscriptions = prepareSubscriptions(db);
  const applyMessages = prepareMessages(db);

  function applyChanges(
    seq: number,
    appId: number,
    accountId: string,
    receiveTimeMs: number | null,
    change: AccountChange | undefined,
    subscriptions: SubscriptionChange | undefined,
  ): void {
    if (change !== undefined) applyToAccount(seq, appId, accountId, receiveTimeMs, change);
    if (subscriptions !== undefined) applySubscriptions(appId, accountId, subscriptions);
  }

  function joinOf(
    seq: number,
    appId: number,
    accountId: string | null,
    creation: string | null,
    happened: string | null,
    nowMs: number,
  ): EventJoin | undefined {
    if (creation !== null) return creations.join(seq, appId, JSON.parse(creation) as HappenedValues, nowMs);
    if (happened === null || accountId === null) return undefined;
    return parts.join(seq, appId, accountId, JSON.parse(happened) as HappenedParts, nowMs);
  }

  return (
    appId,
    accountId,
    digestHex,
    eventTimeMs,
    receiveTimeMs,
    body,
    nowMs,
    change,
    subscriptions,
    messages,
    creation,
    happened,
    flagged,
  ) => {
    const seq = sequence.next();
    const digest = Buffer.from(digestHex, "hex");
    const join = joinOf(seq, appId, accountId, creation, happened, nowMs);
    const { followUp = null, decisionSeq = null } = join ?? {};
    if (insert.run(seq, appId, accountId, digest, eventTimeMs, receiveTimeMs, body, followUp, decisionSeq).changes === 0) {
      return -(findSame.get(eventTimeMs ?? 0, digest) as number);
    }
    sequence.use(seq);
    const said = change === null ? undefined : (JSON.parse(change) as AccountChange);
    const subscribed = subscriptions === null ? undefined : (JSON.parse(subscriptions) as SubscriptionChange);
    userSegments.add(seq, usersNamed(said, subscribed));
    if (accountId !== null) {
      applyChanges(seq, appId, accountId, receiveTimeMs, said, subscribed);
      if (messages !== null) applyMessages(appId, accountId, JSON.parse(messages) as MessageChange, seq);
    }
    const followedUp = join?.settle() ?? [];
    if (flagged !== null) {
      const flagSeq = sequence.next();
      const values = JSON.parse(flagged) as DecisionValues;
      values[eventIdIndex] = formatSequenceId("evt", seq);
      insertDecision(flagSeq, values);
      sequence.use(flagSeq);
    }
    return followedUp.length === 0 ? seq : [seq, ...followedUp];
  };
}

/** The users that an event names, each once: operator, owner, subscribers. */
function usersNamed(change: AccountChange | undefined, subscriptions: SubscriptionChange | undefined): Set<string> {
  const users = new Set(subscriptions?.subscribers);
  if (change?.operator) users.add(change.operator);
  if (change?.writes.owner) users.add(change.writes.owner);
  return users;
}
