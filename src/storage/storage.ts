// The contract of a store. What a comment here says a store must do, test/storage/conformance.ts checks on every store.
import type { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import type { Account, AccountRevision, AccountState, Message } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import type { Case, CaseKind, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import type { Decision, DegradedCause, ShadowOutcome, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import type { List, ListEdit, ListEntry, ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";

/**
 * Where decisions, events, accounts, lists and policies are kept.
 *
 * - A write's promise must resolve only when the write is on disk (it survives kill -9 and power loss), and a read that begins after that
 *   must see it.
 * - A write that rejects may or may not be on disk; repeating it must be safe wherever this contract says so.
 * - Reads must never wait for a write.
 * - Ids, names and values must be compared byte for byte, case included.
 * - Every failure of the store itself must be a GatehouseError with the reason STORE_UNAVAILABLE and the driver's error as its cause; the
 *   driver's text must not be in the message.
 * - A store holds at most so much that is not written yet: a write beyond that must be refused with OVERLOADED, and then is not on disk.
 *   Decisions must be refused later than other writes, and those with an `answer` not later than other writes.
 * - After `close` every method must reject with STORE_UNAVAILABLE.
 */
export interface Store
  extends Decisions,
    Events,
    FollowUps,
    Cases,
    Accounts,
    Timeline,
    Lists,
    Policies,
    Feed,
    Retention,
    Erasures,
    Keys,
    AuditLog {
  /**
   * Calls `ask` with facts that are all from one moment, no older than the last write that was answered, as they are at `nowMs`. `ask` must be
   * pure: a store may call it several times, and uses what it returned last. A store that can answer at once must not return a promise.
   *
   * `usefulUntilMs` says when nobody waits for the answer any more, on the clock of `performance.now()`; undefined: never. A store on another machine
   * must end what it does for it there soon after, within half a second, and reject with STORE_UNAVAILABLE; any other need not.
   */
  withFacts<T>(nowMs: number, ask: (facts: StoredFacts) => T, usefulUntilMs?: number): T | Promise<T>;

  /** Set when the store is on another machine: then it costs less to ask all that is asked at once than some of it later. */
  readonly isRemote?: true;

  /** Resolves when the store can read and write just now; rejects with STORE_UNAVAILABLE when it cannot. */
  check(): Promise<void>;

  /** Waits for the writes that were begun, then lets go of everything. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What rules may ask the store. An app sees only its own accounts; lists serve all apps. */
export interface StoredFacts {
  /**
   * Whether the value is on the list, byte for byte, and has not expired; false when there is no such list. How long it takes must not depend
   * on how long the list is.
   */
  inList(list: string, value: string): boolean;

  /**
   * A number that is another one whenever the unexpired entries of the list may be others; 0 when there is no such list. For those who keep
   * something made from `listValues`.
   */
  listVersion(list: string): number;

  /** The values on the list that have not expired, in any order; none when there is no such list. */
  listValues(list: string): string[];

  /**
   * How many live accounts the owner has, plus the rooms that are reserved for the owner: of creations that were allowed, have not lapsed, and
   * are joined with no event. How long it takes must not depend on how many creations of the owner were denied or have lapsed.
   */
  liveAccounts(appId: number, owner: string): number;

  /**
   * Whether a live account has this name, or one is reserved for a creation that was allowed, has not lapsed, and is joined with no event; in the
   * normal form of src/text/normalize.ts, and false for the empty one.
   */
  nameInUse(appId: number, normalizedName: string): boolean;

  /**
   * How many accounts of the app the user subscribes to, as far as events have said; of each account and user the latest event counts, and a
   * removal goes before an addition of the same time. A destroyed account counts as any other until events remove its subscribers. How long it
   * takes must not depend on how many there are, here and in the next two.
   */
  subscriptions(appId: number, user: string): number;

  /** How many users subscribe to the account, in the same way. */
  subscribers(appId: number, accountId: string): number;

  /** Whether the user subscribes to the account, in the same way. */
  isSubscribed(appId: number, accountId: string, user: string): boolean;

  /**
   * How many messages the account has sent, as far as events have said: each key counts once, each event without a key once. How long it takes
   * must not depend on how many there are.
   */
  messagesSent(appId: number, accountId: string): number;

  /** How often a key was counted under this counter in the last `windowMs`, to a sixtieth of the window. */
  rate(counter: RateCounter, key: string): number;

  /** The version that a pointer points at; undefined for none. Must be there when others than this process can set pointers. */
  pointedVersion?(pointer: PointerName): string | undefined;
}

/** What is counted: decisions of an app on an action, in a window. Every window has a count of its own, which begins when it is first used. */
export interface RateCounter {
  appId: number;
  /** The action's name in a policy, such as `create_account`. */
  action: string;
  /** From 1 second to 30 days. */
  windowMs: number;
}

/** A decision to append, with what it takes and counts. */
export interface NewDecision {
  /** Its `decisionId` is ignored and given by the store. */
  decision: Decision;
  /**
   * What a fallback has answered, because the decision comes too late: it must be recorded, appear in the feed and be returned as degraded, in
   * the way that `markDegraded` says. Undefined: the decision is the answer.
   */
  answer?: FallbackAnswer;
  /** Recognises the same action under a repeated request_id; empty when the decision has none. */
  actionDigest: Uint8Array;
  /** For a creation: what events are joined with. Without it, it is followed up by none. */
  creation?: AskedCreation;
  /** For a decision on subscribers or on a message: joins it with events that came before it. */
  followUp?: FollowUpRules;
  /** Under which keys it counts. */
  counts: readonly { counter: RateCounter; key: string }[];
}

/** A creation that was asked. Names and users are compared byte for byte. */
export interface AskedCreation {
  operator: string;
  owner: string;
  name: string;
  /** When it was asked: by Chat's clock, or by ours when that is not known. */
  askMs: number;
  /** Only for one that is allowed: until when it stands, in milliseconds since 1970. */
  lapseMs?: number;
  /** Only for one that is allowed: whether it takes room of its owner while it stands and no event is joined with it. */
  takesRoom?: boolean;
  /** Only with `takesRoom`: the name it takes as well, in the normal form of src/text/normalize.ts. */
  takesName?: string;
  /** How long after it an event can follow from it. */
  followUpMs: number;
}

/** How subscriptions and messages are followed up. */
export interface FollowUpRules {
  /** How long one that was allowed stands after it was decided, or answered by a fallback. */
  reservationMs: number;
  /** How long after it was asked an event can follow from it. */
  followUpMs: number;
  /** Whether a message that nobody had asked about opens a case. */
  messageBypassCases: boolean;
}

/** The actions that are followed up. */
export type FollowedAction = "createAccount" | "addSubscribers" | "sendMessage";

/** The log of decisions. */
export interface Decisions {
  /**
   * Calls `make` with facts as `withFacts` does, and appends what it returns. It must be as if such calls came one after another: what `make`
   * sees includes what every one before it reserved and counted, however many overlap and on however many processes; it may run several times,
   * and the last time counts. Ids must sort in the order of appending when the appends did not overlap.
   *
   * When the decision has a request_id and the app has a decision with the same one, nothing must be appended, reserved or counted: the result
   * is `repeat` with the decision of the first time if `actionDigest` is the same, `reused` if it differs. This must hold for appends that
   * overlap.
   *
   * A creation is joined with an event that came before it, as `appendEvent` says; others are joined anew, as if it had been there before them. With
   * `followUp` this must hold for each subscriber, and for a message.
   *
   * `usefulUntilMs` is that of `withFacts`. A decision that is given up then must not be on disk. Other writes that share its time there must not fail
   * because of it.
   */
  appendDecision(nowMs: number, make: (facts: StoredFacts) => NewDecision, usefulUntilMs?: number): Promise<AppendedDecision>;

  /**
   * Notes that a fallback answered instead of a decision, which came too late. From then on the decision must read, everywhere but in the feed,
   * as degraded by `answer.cause`, with what was answered as its verdict and code, its own verdict, refused and rewrite as the late ones, and
   * neither message, refused nor rewrite. One that is degraded already, however it became so, must stay as it is. Resolves, when it is on disk, to the decision
   * as it reads then, and whether it was this call that marked it; to undefined when there is no such decision.
   *
   * What was answered is what may be acted on: with `creation`, a creation is joined anew as if that had been its verdict, and takes room while
   * it stands, or none; with `followUp`, a decision on subscribers or a message is joined anew as if all of it had been answered so, and nothing
   * been refused or rewritten.
   */
  markDegraded(
    decisionId: string,
    answer: FallbackAnswer,
    creation?: AskedCreation,
    followUp?: FollowUpRules,
  ): Promise<MarkedDecision | undefined>;

  /** The decision with this id, with its shadow outcome and follow-up; undefined when there is none, whatever the string. */
  getDecision(decisionId: string): Promise<Decision | undefined>;

  /** The decision of this app with this request_id; undefined when there is none. */
  findDecisionByRequestId(appId: number, requestId: string): Promise<{ decision: Decision; actionDigest: Uint8Array } | undefined>;

  /** Decisions that pass the filter, the latest appended first, with their shadow outcomes and follow-ups. */
  listDecisions(filter: DecisionFilter, page: PageRequest): Promise<Page<Decision>>;

  /**
   * Keeps what the shadow policy said of a decision: `outcome` is set only when it differs from what the live one said. Resolves when it is on
   * disk. Unknown decisions and repeats are passed over.
   */
  appendShadowOutcome(shadow: ShadowRecord): Promise<void>;

  /** Counts decisions of `startMs` ≤ decide_time < `endMs` for a report on what is on trial, without blocking others for long. */
  countShadow(range: { startMs: number; endMs: number; shadowVersion: string | undefined }): Promise<ShadowCounts>;
}

/** What became of a mark. */
export interface MarkedDecision {
  decision: Decision;
  /** Whether it was this call that marked it. */
  marked: boolean;
  /** What became known by it, when anything did. */
  followedUp?: readonly FollowedUp[];
}

/** What a fallback answered. */
export interface FallbackAnswer {
  cause: DegradedCause;
  verdict: Verdict;
  code: number;
  answerTimeMs: number;
}

/** What the shadow policy said of one decision. */
export interface ShadowRecord {
  decisionId: string;
  /** The version of the shadow policy. */
  version: string;
  outcome: ShadowOutcome | undefined;
}

/** Counts for a report on what is on trial. */
export interface ShadowCounts {
  decisions: number;
  /** How many the shadow policy of `shadowVersion` was asked about. */
  shadowed: number;
  /** Those of them that it had another verdict, code, set of refused or rewrite for, the latest first; at most the 10 000 latest. */
  changed: { decisionId: string; live: Decision; shadow: ShadowOutcome }[];
  /**
   * What rules on trial did, by policy version and rule, in any order: those of the shadow policy, and those in shadow mode of any live one. Each
   * figure counts decisions: in which the rule held and was not skipped; in which it did and no live match of that rule was in force, that is
   * neither skipped nor in shadow mode; and in which its condition could not be evaluated.
   */
  rules: { policyVersion: string; rule: string; held: number; heldAnew: number; errors: number }[];
}

/** What became of an appended decision. */
export type AppendedDecision =
  /** It is on disk, as it was made and with its id. `followedUp` is what became known by it, when anything did. */
  | { kind: "appended"; decision: Decision; followedUp?: readonly FollowedUp[] }
  /** The same request was decided before: that decision. */
  | { kind: "repeat"; decision: Decision }
  /** The request_id was used before for another action, in this decision. */
  | { kind: "reused"; decisionId: string };

/** Which decisions. Every member that is set must hold. */
export interface DecisionFilter {
  appId?: number;
  /** About this account. */
  accountId?: string;
  /** Operator or owner of the action. */
  user?: string;
  /** What was answered. */
  verdict?: Verdict;
  followUp?: FollowUp;
}

/** An event to append, as the arguments of `appendEvent`. */
export interface NewEvent {
  event: Event;
  /** Of all that the event says, the ids of its app and its account and its own time included: by it an event is known again. */
  digest: Uint8Array;
  handling?: EventHandling;
}

/** The log of events, and through it the registry of accounts. */
export interface Events {
  /**
   * Calls `flag` with facts as `withFacts` does, appends the event, applies it to the registry, joins it with what it follows from, and appends
   * the decision that `flag` returned, if any, under the event's id: all or nothing. The event's `eventId`, `followUp` and `decisionId` are
   * ignored and given by the store, as are the decision's ids; the decision's `requestId` is dropped. When an event with the same digest is
   * there, nothing must change and the result must carry that event's id. This must hold for appends that overlap.
   *
   * With `followUpMs`, a creation with a name is joined with a decision on the same app, operator, owner and name as `joinFollowUps` says: with an
   * allow it is confirmed, with a denial leaked, with none bypassed. Of the decisions and events on one thing the joins must be the same in
   * whatever order they come; those that an earlier event or decision proves wrong are mended. A leak and a bypass open a case, about the event
   * and its decision, and one that proves wrong closes it. An event that comes more than `followUpMs` after it happened and is joined with
   * no decision is not bypassed: nobody can tell.
   *
   * With `followUp`, added subscribers and sent messages are joined in the same way, with decisions about the same app and account: each subscriber
   * with a decision on that user, byte for byte, and a message with one on a message of the same `messageDigest`, as it came or as the decision
   * has rewritten it. A subscriber who was refused, and a message that was denied or discarded, or that was rewritten and is sent as it came, is
   * leaked. As a whole an event is the worst that any of its subscribers is, leaked, then bypassed, then confirmed, and a decision is leaked as
   * soon as one of its subscribers is, else confirmed as soon as one is. One case is opened about the whole, about a bypassed message only with
   * `messageBypassCases`. At least the latest 32 decisions about the account must be looked at: an event of whose window not all was looked at,
   * and that is joined with none, is not bypassed.
   */
  appendEvent(event: Event, digest: Uint8Array, nowMs: number, handling?: EventHandling): Promise<AppendedEvent>;

  /**
   * Appends all of them, in this order and each as `appendEvent` does, or none; results in what became of each. What the flags see need not
   * include what earlier ones of the same call change.
   */
  appendEvents(events: readonly NewEvent[], nowMs: number): Promise<AppendedEvent[]>;

  /** The events of one account, in the order they were appended, each with what it follows from. */
  listAccountEvents(appId: number, accountId: string, page: PageRequest): Promise<Page<Event>>;
}

/** What is done with an event besides appending it. */
export interface EventHandling {
  /** What rules say of it, as a decision without an id; undefined when none held. */
  flag?(facts: StoredFacts): Decision | undefined;
  /** Joins a creation with the decision it follows from: one that was asked at most this long before. Not set: it is joined with none. */
  followUpMs?: number;
  /** Joins added subscribers, or a sent message, with what they follow from. Not set: they are joined with none. */
  followUp?: FollowUpRules;
}

/** What became of an appended event. */
export interface AppendedEvent {
  eventId: string;
  /** True when it was there before. */
  duplicate: boolean;
  /** What became known by it, when anything did: first of itself, then of other events whose join it has changed. */
  followedUp?: readonly FollowedUp[];
}

/** What became known of an event. */
export interface FollowedUp {
  followUp: FollowUp;
  eventId: string;
  /** The decision it is joined with; undefined when it is joined with none. */
  decisionId?: string;
  /** The case that was opened about it, when one was. */
  caseId?: string;
}

/** What happens to decisions when time goes by. */
export interface FollowUps {
  /**
   * Notes allowed creations as abandoned that were decided at least `reservationMs` ago, have lapsed, and are joined with no event; and forgets
   * creations that were asked, or happened, at least `keepMs` ago: no event is joined with those any more. Does a bounded part of it, in a few
   * milliseconds, so that other writes need not wait; `done` is true when nothing was left to do. What is reserved must lapse at its time, swept
   * or not.
   *
   * In the same way notes allowed subscribers and messages that were decided at least `reservationMs` ago; `abandoned` counts the decisions that
   * are abandoned as a whole by this call.
   */
  sweepFollowUps(nowMs: number, sweep: { reservationMs: number; keepMs: number }): Promise<SweptFollowUps>;
}

/** What a sweep has done. */
export interface SweptFollowUps {
  abandoned: Readonly<Record<FollowedAction, number>>;
  done: boolean;
}

/** The cases: what a person should look at. */
export interface Cases {
  /**
   * Opens a case, unless there is one of the same kind about the same decision and event, open or closed. Results in its id, and whether it is
   * new. The decision and the event must be there.
   */
  openCase(opening: NewCase): Promise<{ caseId: string; isNew: boolean }>;

  /** The case with this id; undefined when there is none, whatever the string. */
  getCase(caseId: string): Promise<Case | undefined>;

  /** Cases that pass the filter, the latest opened first. */
  listCases(filter: CaseFilter, page: PageRequest): Promise<Page<Case>>;

  /** Closes a case and results in it as it is then; one that is closed must stay as it is. Undefined when there is none, whatever the string. */
  closeCase(closing: CaseClosing): Promise<Case | undefined>;

  /** How many cases of each kind are open; kinds without any may be left out. How long it takes must not depend on how many there are. */
  countOpenCases(): Promise<{ kind: CaseKind; count: number }[]>;
}

/** A case to open. */
export interface NewCase {
  kind: CaseKind;
  appId: number;
  decisionId?: string;
  eventId?: string;
  /** Empty when it is not known. */
  accountId: string;
  /** Who did it; empty when it is not known. */
  user: string;
  timeMs: number;
}

/** A case to close. */
export interface CaseClosing {
  caseId: string;
  author: string;
  reason: string;
  timeMs: number;
}

/** Which cases. Every member that is set must hold. */
export interface CaseFilter {
  appId?: number;
  kind?: CaseKind;
  state?: CaseState;
  accountId?: string;
  user?: string;
}

/**
 * The registry of accounts: what the events say. For any order and number of deliveries of the same events, each with its receive_time, accounts,
 * their sources and their revisions must end the same but for the ids of events. It must keep what it needs of an event for that, so that it stays
 * as it is when the event itself is deleted.
 */
export interface Accounts {
  /** One account, with the sources of its fields; undefined when no event spoke of it. */
  getAccount(appId: number, accountId: string): Promise<Account | undefined>;

  /**
   * Accounts that pass the filter, without their sources, by app and then by account id, byte for byte; between these two by name when there is a
   * `namePrefix` and neither `owner` nor `normalizedName`, and by the time of the last event when there is a range of it and none of those three.
   * What is done for one page must be limited whatever the filter leaves out: a page may have fewer items than asked for, even none, and a `next`.
   */
  listAccounts(filter: AccountFilter, page: PageRequest): Promise<Page<Account>>;

  /**
   * What each event made of one account's fields, in the order of the stamps of src/storage/account-merge.ts, numbered from 1. The first event that
   * speaks of them is a revision, and each later one that changes any of them; an event that is not kept any more counts all the same.
   */
  listAccountRevisions(appId: number, accountId: string, page: PageRequest): Promise<Page<AccountRevision>>;

  /**
   * The messages of an account that have a key, those that were first heard of last first. What was sent under a key is what the latest event
   * of its sending says, by event time with a fixed tie-break; it is withdrawn from the earliest event that says so, also when that came before
   * its sending, or that never does. What it consists of may go with the event of its sending, when that is deleted; all else must stay.
   */
  listMessages(appId: number, accountId: string, page: PageRequest): Promise<Page<Message>>;
}

/** Which accounts. Every member that is set must hold. */
export interface AccountFilter {
  appId?: number;
  owner?: string;
  state?: AccountState;
  /** The name begins with this, byte for byte. */
  namePrefix?: string;
  /** The normal form of the name, by src/text/normalize.ts. */
  normalizedName?: string;
  /** The time of the last event is at or after this, in milliseconds. Accounts without such a time are left out, here and below. */
  lastEventFromMs?: number;
  /** The time of the last event is before this. */
  lastEventBeforeMs?: number;
}

/** Decisions and events together. */
export interface Timeline {
  /**
   * What is kept of an account, an owner or a user, the latest committed first: as ListTimelineRequest in account_service.proto says of each. A
   * page may have fewer items than asked for, even none, and a `next`, as those of `listAccounts`.
   */
  listTimeline(filter: TimelineFilter, page: PageRequest): Promise<Page<TimelineEntry>>;
}

/** Whose timeline, in one app. */
export type TimelineFilter = { appId: number } & ({ accountId: string } | { owner: string } | { user: string });

/** A decision, with its shadow outcome, or an event. */
export type TimelineEntry = { kind: "decision"; decision: Decision } | { kind: "event"; event: Event };

/** The lists that rules ask. */
export interface Lists {
  /**
   * Adds entries; one whose value is there keeps its create_time and gets the rest anew. `entries` may name a value twice: the last one counts.
   * `create_time` must be set on every entry, and is the time of the edit. Each value that is new or changed leaves an edit; one that is there
   * just so leaves none.
   */
  addEntries(list: string, entries: readonly ListEntry[]): Promise<ListEdited>;

  /** Removes entries; values that are not there are passed over and leave no edit. The edit of a removal has no source and no expire_time. */
  removeEntries(list: string, values: readonly string[], edit: { author: string; reason: string; timeMs: number }): Promise<ListEdited>;

  /** The entries of a list that pass the filter, by value, byte for byte; undefined when there is no such list. */
  listEntries(list: string, filter: EntryFilter, page: PageRequest): Promise<Page<ListEntry> | undefined>;

  /** The edits of a list, or of one value of it, the latest first; undefined when there is no such list. */
  listEdits(list: string, value: string | undefined, page: PageRequest): Promise<Page<ListEdit> | undefined>;

  /** All lists, by name. */
  listLists(): Promise<List[]>;
}

/** Which entries. Every member that is set must hold. */
export interface EntryFilter {
  /** The value begins with this. */
  prefix?: string;
  /** Value, reason, author or source has this in it. */
  contains?: string;
}

/** What an edit of a list did. */
export type ListEdited =
  /** How many values were added or removed; not counting those that were there, or not there, before. */
  | { kind: "edited"; count: number }
  /** There is no such list, and nothing changed. */
  | { kind: "unknown_list" };

/** The versions of the policy, and what points at them. */
export interface Policies {
  /** Keeps a version; one that is there stays as it was first published. Must survive like every write. */
  publishPolicy(policy: PublishedPolicy): Promise<void>;

  /**
   * Points at a version, or with no version at none, makes every list in `lists` that is not there yet, and notes the activation: all or
   * nothing. A list that is there keeps its kind and entries. Pointing at the version that is pointed at already must change nothing and leave
   * no activation. False, and nothing changed, when there is no such version.
   */
  pointPolicy(activation: NewActivation, lists: readonly { name: string; kind: ListKind }[]): Promise<boolean>;

  /** The version with this name, or the only one whose name begins so; undefined when there is none, or more than one. */
  getPolicy(version: string): Promise<PublishedPolicy | undefined>;

  /** The version that is pointed at; undefined when none is. */
  getPointedPolicy(pointer: PointerName): Promise<PublishedPolicy | undefined>;

  /** Versions, the latest published first. */
  listPolicies(page: PageRequest): Promise<Page<PublishedPolicy>>;

  /** Activations of both pointers, the latest first. */
  listActivations(page: PageRequest): Promise<Page<PolicyActivation>>;

  /**
   * Calls `listener` soon after another process has set a pointer, until the returned function is called: a hint, which may come too often and for
   * nothing. Facts tell of pointers in any case. Must be there when others than this process can set them.
   */
  onPointerChange?(listener: () => void): () => void;
}

/** What points at versions. */
export type PointerName = "live" | "shadow";

/** A version of the policy. */
export interface PublishedPolicy {
  /** The lower-case hexadecimal SHA-256 of the text. */
  version: string;
  text: string;
  author: string;
  reason: string;
  publishTimeMs: number;
}

/** A pointer to be set. */
export interface NewActivation {
  pointer: PointerName;
  /** Undefined: to none. */
  version: string | undefined;
  author: string;
  reason: string;
  timeMs: number;
}

/** A pointer that was set. */
export interface PolicyActivation extends NewActivation {
  /** Where it pointed before; undefined: at none. */
  previousVersion: string | undefined;
}

/** The one ordered log of decisions, events, cases, edits of lists and settings of policy pointers. */
export interface Feed {
  /**
   * Changes after `position` that pass the filter, in the order of their commits, at most `limit` of them. Whoever has seen a change, or a `next`,
   * must never find a change that comes before it later, whatever writes overlap. `next` is the position after which to go on, also when nothing
   * was found: as far as the log was looked through, which may be less than all of it, but is more than nothing unless `position` is the end, or
   * beyond it. Must not block others for long, however much the filter leaves out. A decision comes without what the shadow policy said, without the
   * mark that a fallback answered instead and without its follow-up, an event without its own, and the opening of a case as open: a change is the
   * same whenever it is read, but for the ids of users who are erased.
   */
  readChanges(position: number, filter: FeedFilter, limit: number): Promise<{ changes: FeedChange[]; next: number }>;

  /** The position of the latest change that is committed; 0 when there is none. */
  latestPosition(): Promise<number>;

  /** The earliest position after which everything is still kept, that of the latest change that was deleted: 0 while nothing was. */
  earliestPosition(): Promise<number>;

  /**
   * Where the log parts from one that a restore from a backup has undone: for a position of the undone part the latest position before that part,
   * up to which everything is as it was; undefined for every other position. Positions of an undone part must never be given again.
   */
  partingBefore(position: number): Promise<number | undefined>;

  /**
   * Calls `listener` soon after changes were committed, until the returned function is called: a hint, which may come too often and for nothing,
   * but never fails to come. It carries no position: the log is the truth.
   */
  onChange(listener: () => void): () => void;
}

/** Which changes. Every member that is set must hold. Edits of lists and policies belong to every app, and to no account. */
export interface FeedFilter {
  appId?: number;
  /** `decision`, `event`, `case`, `listEdit`, `activation`. */
  kinds?: ReadonlySet<FeedChange["kind"]>;
  accountId?: string;
}

/** A change, and the position after which to go on. */
export type FeedChange = { position: number; timeMs: number } & (
  | { kind: "decision"; decision: Decision }
  | { kind: "event"; event: Event }
  /** It was opened, or closed: the case as it was then. */
  | { kind: "case"; case: Case }
  | { kind: "listEdit"; list: string; edit: ListEdit }
  | { kind: "activation"; activation: PolicyActivation }
);

/** Deleting what is old. */
export interface Retention {
  /**
   * Deletes some of the decisions or events of a class that are from before `beforeMs`, by decide_time or receive_time, with all that hangs on
   * them, and raises `earliestPosition` in the same transaction. What an open case names must stay until the case is closed. Accounts with their revisions, subscriptions, lists and their edits, policies,
   * keys, cases and the audit log must stay as they are, and what rules read must not change. Never keeps the writes of others waiting for more than
   * 50 ms, however much there is to delete; called again until nothing is left to do, it must have deleted all that it may. How much it does
   * must depend on what has become old since the last time, not on what is kept.
   */
  deleteOld(oldClass: RetentionClass, beforeMs: number): Promise<DeletedOld>;
}

/** Classes of decisions and events that are kept for a time of their own; every one is of exactly one class. */
export const retentionClasses = [
  /** Decisions that allowed all, of which no rule said more than allow, and which are not degraded. */
  "allowedDecisions",
  /** All other decisions, those about events included. */
  "flaggedDecisions",
  /** Events about subscribers. */
  "subscriptionEvents",
  /** Events about messages. */
  "messageEvents",
  /** All other events. */
  "accountEvents",
] as const;

export type RetentionClass = (typeof retentionClasses)[number];

/** What one call has deleted. */
export interface DeletedOld {
  /** How many decisions or events. */
  deleted: number;
  /** True when nothing was left to delete. */
  done: boolean;
  /** For how long the writes of others had to wait, in milliseconds, not counting the commit. */
  busyMs: number;
}

/** Erasing users. */
export interface Erasures {
  /** Keeps that a user is to be erased. Resolves to the id of the erasure, or of one that is the same and has not ended. Ids sort as erasures began. */
  beginErasure(erasure: NewErasure): Promise<string>;

  /**
   * Does some of what is left of the earliest erasure that has not ended: puts the pseudonym in the place of the id in everything that is kept of the
   * app, or of all apps, except in names, profiles and messages, which are what people have written, and, unless lists are included, in lists and
   * their history. All else must stay as it is: what was told and counted of the user is told and counted of the pseudonym. The same event or
   * request, when it comes again, must still be recognised. Never keeps the writes of others waiting for more than 50 ms. Called again until none
   * is under way, also after a new start in between, it must have erased all that was there when the erasure began. With the end goes the id from
   * the erasure itself. A preview only counts.
   */
  continueErasure(nowMs: number): Promise<ErasureStep>;

  /** The erasure with this id; undefined when there is none, whatever the string. */
  getErasure(erasureId: string): Promise<Erasure | undefined>;
}

/** A user who is to be erased. */
export interface NewErasure {
  /** 0: in all apps. */
  appId: number;
  user: string;
  /** Must be nowhere else. */
  pseudonym: string;
  isPreview: boolean;
  withLists: boolean;
  beginTimeMs: number;
}

/** What was done of erasures. */
export type ErasureStep =
  /** There is more to do. */
  | { kind: "more" }
  /** This one has ended. */
  | { kind: "ended"; erasureId: string }
  /** None is under way. */
  | { kind: "none" };

/** An erasure, without whom it is of. */
export interface Erasure extends Omit<NewErasure, "user"> {
  erasureId: string;
  /** Undefined while it is under way. */
  endTimeMs: number | undefined;
  /** What is looked through just now; empty when it has ended. */
  place: string;
  /** How many rows were found so far, by the table they are of. */
  found: { place: string; count: number }[];
}

/** The API keys. */
export interface Keys {
  /** Keeps a key; false, and nothing changed, when its id is taken, also by a key that was revoked. */
  createKey(key: ApiKey): Promise<boolean>;

  /** The key with this id; undefined when there is none, whatever the string. */
  getKey(keyId: string): Promise<ApiKey | undefined>;

  /** Keys, revoked and expired ones included, the latest created first. */
  listKeys(page: PageRequest): Promise<Page<ApiKey>>;

  /** Revokes a key; one that was revoked before stays as it is. False when there is none. */
  revokeKey(keyId: string, by: { revoker: string; timeMs: number }): Promise<boolean>;

  /** Notes that a key was used; the latest time counts. Unknown keys are passed over. */
  noteKeyUse(keyId: string, timeMs: number): Promise<void>;

  /**
   * Calls `listener` whenever a key was made or revoked, or may have been, until the returned function is called: when that can be read, and
   * before the promise of the write settles, so that who forgets what it knew of keys never lets in a key that was revoked. What other processes
   * wrote must be told within a second. The listener must not throw.
   */
  onKeyChange(listener: () => void): () => void;
}

/** A key as it is kept: its secret only as a digest. */
export interface ApiKey {
  keyId: string;
  name: string;
  roles: readonly Role[];
  /** None: all apps. */
  appIds: readonly number[];
  /** SHA-256 of the secret. */
  secretDigest: Uint8Array;
  creator: string;
  createTimeMs: number;
  expireTimeMs: number | undefined;
  /** Empty until it was revoked. */
  revoker: string;
  revokeTimeMs: number | undefined;
  lastUseTimeMs: number | undefined;
}

/** The log of administrative acts. */
export interface AuditLog {
  /** Appends the entry of an act that is to begin, without an outcome. Resolves to its id; ids must sort as entries do. */
  beginAuditEntry(entry: NewAuditEntry): Promise<string>;

  /** Says how the act of an entry ended; the first time counts. Unknown entries are passed over. */
  endAuditEntry(auditId: string, end: AuditEnd): Promise<void>;

  /** Entries that pass the filter, the latest appended first. */
  listAuditEntries(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEntry>>;
}

/** Who does something. */
export interface Principal {
  kind: PrincipalKind;
  id: string;
  name: string;
}

/** An act that is to begin. */
export interface NewAuditEntry {
  principal: Principal;
  method: string;
  /** 0: all apps. */
  appId: number;
  target: string;
  requestJson: string;
  beforeJson: string;
  beginTimeMs: number;
}

/** How an act ended. */
export interface AuditEnd {
  afterJson: string;
  outcome: string;
}

/** An act; without an end as long as that is not known. */
export interface AuditEntry extends NewAuditEntry {
  auditId: string;
  end: AuditEnd | undefined;
}

/** Which acts. Every member that is set must hold. */
export interface AuditFilter {
  appId?: number;
  principalKind?: PrincipalKind;
  principalId?: string;
  method?: string;
  target?: string;
  /** `startMs` ≤ begin time < `endMs`. */
  startMs?: number;
  endMs?: number;
}

/** Which part of a result. */
export interface PageRequest {
  /** At most this many items; from 1 to 1000. */
  size: number;
  /** The `next` of the page before; undefined for the first page. A store must reject one that it cannot have given with INVALID_PAGE_TOKEN. */
  after?: string;
}

/** A part of a result. Items that are there throughout a walk through the pages must be met exactly once. */
export interface Page<T> {
  items: T[];
  /** Where the next page begins; undefined when this is the last one. */
  next?: string;
}
