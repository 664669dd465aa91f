// Records that something has happened: once, however often it is told; what rules flag in it becomes a decision.
import type { Decision, Fact } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import {
  AccountCreatedSchema,
  AccountDestroyedSchema,
  AccountFullSchema,
  AccountProfileChangedSchema,
  MessageSentSchema,
  MessagesWithdrawnSchema,
  type Event as RecordedEvent,
  SubscribersAddedSchema,
  SubscribersRemovedSchema,
} from "../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import type { RecordBatchRequest, RecordRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { evaluate, type Question } from "../policy/evaluate.ts";
import { noSignals, type SignalAnswers } from "../policy/signal-answers.ts";
import type { Subject } from "../policy/vocabulary.ts";
import { createLiveWorld } from "../policy/world.ts";
import type { AppendedEvent, EventHandling, FollowedAction, FollowUpRules, NewEvent, Store, StoredFacts } from "../storage/storage.ts";
import { timestampOfMs } from "../timestamp-of-ms.ts";
import type { WholeMessage } from "../whole-message.ts";
import type { CheckApp } from "./apps.ts";
import type { CallTime, SignalsFor } from "./ask-signals.ts";
import { contentDigest } from "./digest.ts";
import type { FactsOf } from "./facts.ts";
import type { OnFollowedUp } from "./follow-up-report.ts";
import { completeMessage } from "./messages.ts";
import { newDecision } from "./new-decision.ts";
import type { PoliciesInForce } from "./policies-in-force.ts";
import { msOf, toWholeMs } from "./times.ts";

/** What recording needs. */
export interface RecordDeps {
  store: Store;
  policies: PoliciesInForce;
  factsOf: FactsOf;
  signalsFor: SignalsFor;
  checkApp: CheckApp;
  /** The language of an app's messages. */
  localeOf(appId: number): string;
  /** How long after its decision a creation is joined with it. */
  followUpMs: number;
  /** How subscriptions and messages are followed up. */
  followUp: FollowUpRules;
  /** Told what became known by an event. */
  onFollowedUp: OnFollowedUp;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Records events. What the rules ask of signals is asked before, as long as the answer to the call is of use. */
export interface RecordUseCases {
  /** Records an event and applies it to the registry; a repeat changes nothing and gets the id of the first time. */
  record(request: RecordRequest, time?: CallTime): Promise<AppendedEvent>;
  /** The same for several events of one app, in this order: all or none. Throws INVALID_REQUEST when one is of another app. */
  recordBatch(request: RecordBatchRequest, time?: CallTime): Promise<{ duplicates: number }>;
}

/** An event as it was asked to be recorded. */
interface AskedEvent extends NewEvent {
  handling: EventHandling;
  /** Asks the signals that rules will ask about it, for its handling; undefined when they ask none. */
  askSignals?(time: CallTime | undefined): Promise<void>;
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

/** The action that each event can follow from. */
const actionOf: Readonly<Record<Event["case"], FollowedAction | undefined>> = {
  accountCreated: "createAccount",
  accountProfileChanged: undefined,
  accountDestroyed: undefined,
  subscribersAdded: "addSubscribers",
  subscribersRemoved: undefined,
  accountFull: undefined,
  messageSent: "sendMessage",
  messagesWithdrawn: undefined,
};

export function createRecord(deps: RecordDeps): RecordUseCases {
  const { store, policies, factsOf, signalsFor, checkApp, localeOf, followUpMs, followUp, onFollowedUp, now } = deps;
  return {
    record: (request, time) => policies.upToDate(() => record(request, time)),
    recordBatch: (request, time) => policies.upToDate(() => recordBatch(request, time)),
  };

  function tell({ event }: RecordedEvent, appended: AppendedEvent | undefined): void {
    const action = event.case === undefined ? undefined : actionOf[event.case];
    if (action !== undefined && appended?.followedUp !== undefined) onFollowedUp(action, appended.followedUp);
  }

  async function record(request: RecordRequest, time: CallTime | undefined): Promise<AppendedEvent> {
    checkApp(request.appId);
    const nowMs = now();
    const { event, digest, handling, askSignals } = newEvent(request, nowMs);
    if (askSignals !== undefined) await askSignals(time);
    const appended = await store.appendEvent(event, digest, nowMs, handling);
    tell(event, appended);
    return appended;
  }

  async function recordBatch({ appId, requests }: RecordBatchRequest, time: CallTime | undefined): Promise<{ duplicates: number }> {
    checkApp(appId);
    const foreign = requests.findIndex((request) => request.appId !== appId);
    if (foreign !== -1) throw foreignEvent(foreign, appId);
    const nowMs = now();
    const events = requests.map((request) => newEvent(request, nowMs));
    const asking = events.filter(({ askSignals }) => askSignals !== undefined);
    if (asking.length > 0) await Promise.all(asking.map(({ askSignals }) => askSignals?.(time)));
    const appended = await store.appendEvents(events, nowMs);
    for (const [index, { event }] of events.entries()) tell(event, appended[index]);
    return { duplicates: appended.filter(({ duplicate }) => duplicate).length };
  }

  function newEvent(request: RecordRequest, nowMs: number): AskedEvent {
    const { happened, told } = readEvent(request.event as Event);
    const eventTime = toWholeMs(request.eventTime);
    const event: WholeMessage<RecordedEvent> = {
      $typeName: "gatehouse.v1.Event",
      eventId: "",
      appId: request.appId,
      requestId: request.requestId,
      origin: request.origin,
      eventTime,
      receiveTime: timestampOfMs(Math.min(msOf(request.receiveTime) ?? nowMs, nowMs)),
      event: happened,
      followUp: FollowUp.UNSPECIFIED,
      decisionId: "",
      subscriberFollowUps: [],
    };
    const { case: kind, value } = told;
    const digest = contentDigest(eventSchemas[kind] as typeof AccountCreatedSchema, value as never, request.appId, msOf(eventTime));
    const subject = subjectOf(happened);
    const handling: EventHandling = { followUpMs, followUp };
    const policy = policies.live();
    const program = subject && policy.programs[subject.case];
    if (subject === undefined || program === undefined) return { event, digest, handling };
    if (program.rules.length === 0) {
      // Whether that is so still is known with the facts, where others can activate a policy.
      if (store.isRemote) handling.flag = (stored) => void policies.assertLive(policy, stored);
      return { event, digest, handling };
    }
    const { appId, origin } = request;
    const question: Question = { appId, locale: localeOf(appId), origin, subject, nowMs };
    let signals: SignalAnswers = noSignals;
    handling.flag = (stored) => flag(request, policy, question, stored, signals);
    if (!program.asksSignals) return { event, digest, handling };
    const askSignals = async (time: CallTime | undefined) => {
      signals = await signalsFor(policy, question, time);
    };
    return { event, digest, handling, askSignals };
  }

  /** What the rules say of the event, as a decision without an id; undefined when none held. */
  function flag(
    request: RecordRequest,
    policy: CompiledPolicy,
    question: Question,
    stored: StoredFacts,
    signals: SignalAnswers,
  ): Decision | undefined {
    policies.assertLive(policy, stored);
    const { appId } = question;
    const facts: Fact[] = [];
    const outcome = evaluate(policy, question, createLiveWorld(factsOf(stored, appId, policy), facts, signals));
    if (outcome.matches.length === 0) return undefined;
    const { origin, eventTime } = request;
    return newDecision({
      request: { requestId: "", origin, eventTime },
      question,
      policyVersion: policy.version,
      outcome,
      facts,
      preview: false,
    });
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
