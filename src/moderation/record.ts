// Records that something has happened: once, however often it is told; what rules flag in it becomes a decision.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Decision, DecisionSchema, type Fact } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import {
  AccountCreatedSchema,
  AccountDestroyedSchema,
  AccountFullSchema,
  AccountProfileChangedSchema,
  EventSchema,
  MessageSentSchema,
  MessagesWithdrawnSchema,
  SubscribersAddedSchema,
  SubscribersRemovedSchema,
} from "../../gen/gatehouse/v1/event_pb.ts";
import type { RecordBatchRequest, RecordRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import { evaluate, type Question } from "../policy/evaluate.ts";
import type { Subject } from "../policy/vocabulary.ts";
import { createLiveWorld } from "../policy/world.ts";
import type { AppendedEvent, EventHandling, FollowedUp, NewEvent, Store, StoredFacts } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";
import { contentDigest } from "./digest.ts";
import type { FactsOf } from "./facts.ts";
import { completeMessage } from "./messages.ts";
import type { PoliciesInForce } from "./policies-in-force.ts";
import { msOf, toWholeMs } from "./times.ts";

/** What recording needs. */
export interface RecordDeps {
  store: Store;
  policies: PoliciesInForce;
  factsOf: FactsOf;
  checkApp: CheckApp;
  /** The language of an app's messages. */
  localeOf(appId: number): string;
  /** How long after its decision an event is joined with it. */
  followUpMs: number;
  /** Told what became known by an event. */
  onFollowedUp(followedUp: readonly FollowedUp[]): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Records events. */
export interface RecordUseCases {
  /** Records an event and applies it to the registry; a repeat changes nothing and gets the id of the first time. */
  record(request: RecordRequest): Promise<AppendedEvent>;
  /** The same for several events of one app, in this order: all or none. Throws INVALID_REQUEST when one is of another app. */
  recordBatch(request: RecordBatchRequest): Promise<{ duplicates: number }>;
}

type Event = Exclude<RecordRequest["event"], { case: undefined }>;

/** The message of each event, for its digest. */
const eventSchemas = {
  accountCreated: AccountCreatedSchema,
  accountProfileChanged: AccountProfileChangedSchema,
  accountDestroyed: AccountDestroyedSchema,
  subscribersAdded: SubscribersAddedSchema,
  subscribersRemoved: SubscribersRemovedSchema,
  accountFull: AccountFullSchema,
  messageSent: MessageSentSchema,
  messagesWithdrawn: MessagesWithdrawnSchema,
} satisfies Record<Event["case"], unknown>;

export function createRecord(deps: RecordDeps): RecordUseCases {
  const { store, policies, factsOf, checkApp, localeOf, followUpMs, onFollowedUp, now } = deps;
  return {
    async record(request) {
      checkApp(request.appId);
      const nowMs = now();
      const { event, digest, handling } = newEvent(request, nowMs);
      const appended = await store.appendEvent(event, digest, nowMs, handling);
      if (appended.followedUp !== undefined) onFollowedUp(appended.followedUp);
      return appended;
    },
    async recordBatch({ appId, requests }) {
      checkApp(appId);
      const foreign = requests.findIndex((request) => request.appId !== appId);
      if (foreign !== -1) throw foreignEvent(foreign, appId);
      const nowMs = now();
      const events = requests.map((request) => newEvent(request, nowMs));
      const appended = await store.appendEvents(events, nowMs);
      for (const { followedUp } of appended) if (followedUp !== undefined) onFollowedUp(followedUp);
      return { duplicates: appended.filter(({ duplicate }) => duplicate).length };
    },
  };

  function newEvent(request: RecordRequest, nowMs: number): NewEvent {
    const { happened, told } = readEvent(request.event as Event);
    const event = create(EventSchema, {
      appId: request.appId,
      requestId: request.requestId,
      event: happened,
      receiveTime: timestampFromMs(Math.min(msOf(request.receiveTime) ?? nowMs, nowMs)),
    });
    if (request.origin !== undefined) event.origin = request.origin;
    const eventTime = toWholeMs(request.eventTime);
    if (eventTime !== undefined) event.eventTime = eventTime;
    const { case: kind, value } = told;
    const digest = contentDigest(eventSchemas[kind] as typeof AccountCreatedSchema, value as never, request.appId, msOf(eventTime));
    const subject = subjectOf(happened);
    const handling: EventHandling = { followUpMs };
    if (subject !== undefined && policies.live().programs[subject.case].rules.length > 0) {
      handling.flag = (stored) => flag(request, subject, nowMs, stored);
    }
    return { event, digest, handling };
  }

  /** What the rules say of the event, as a decision without an id; undefined when none held. */
  function flag(request: RecordRequest, subject: Subject, nowMs: number, stored: StoredFacts): Decision | undefined {
    const policy = policies.live();
    const { appId } = request;
    const question: Question = { appId, locale: localeOf(appId), origin: request.origin, subject, nowMs };
    const facts: Fact[] = [];
    const outcome = evaluate(policy, question, createLiveWorld(factsOf(stored, appId, policy), facts));
    if (outcome.matches.length === 0) return undefined;
    const decision = create(DecisionSchema, {
      appId,
      action: subject,
      ...outcome,
      policyVersion: policy.version,
      decideTime: timestampFromMs(nowMs),
      facts,
    });
    if (request.origin !== undefined) decision.origin = request.origin;
    const eventTime = toWholeMs(request.eventTime);
    if (eventTime !== undefined) decision.eventTime = eventTime;
    return decision;
  }
}

/** The event as it is recorded, and as it is told from others. */
function readEvent(event: Event): { happened: Event; told: Event } {
  if (event.case !== "messageSent") return { happened: event, told: event };
  const { complete, bare } = completeMessage("message_sent", event.value);
  return { happened: { case: event.case, value: complete }, told: { case: event.case, value: bare } };
}

function foreignEvent(index: number, appId: number): GatehouseError {
  const problem = { field: `requests[${index}].app_id`, description: `must be ${appId}, the app of the batch` };
  return new GatehouseError(ErrorReason.INVALID_REQUEST, `The request has 1 problem: ${problem.field}: ${problem.description}`, {
    fields: [problem],
  });
}

/** The event as rules can be asked about it; undefined for one that they cannot. */
function subjectOf(event: Event): Subject | undefined {
  switch (event.case) {
    case "accountCreated":
    case "accountProfileChanged":
    case "messageSent":
      return event;
    case "accountDestroyed":
    case "subscribersAdded":
    case "subscribersRemoved":
    case "accountFull":
    case "messagesWithdrawn":
      return undefined;
  }
}
