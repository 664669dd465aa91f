// Records that something has happened: once, however often it is told.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AccountCreatedSchema, AccountDestroyedSchema, AccountProfileChangedSchema, EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import type { RecordRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { AppendedEvent, Store } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";
import { contentDigest } from "./digest.ts";
import { msOf, toWholeMs } from "./times.ts";

/** What recording needs. */
export interface RecordDeps {
  store: Store;
  checkApp: CheckApp;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Records an event and applies it to the registry; a repeat changes nothing and gets the id of the first time. */
export type RecordEvent = (request: RecordRequest) => Promise<AppendedEvent>;

type EventCase = Exclude<RecordRequest["event"]["case"], undefined>;

/** The message of each event, for its digest. */
const eventSchemas = {
  accountCreated: AccountCreatedSchema,
  accountProfileChanged: AccountProfileChangedSchema,
  accountDestroyed: AccountDestroyedSchema,
} satisfies Record<EventCase, unknown>;

export function createRecord({ store, checkApp, now }: RecordDeps): RecordEvent {
  return async (request) => {
    checkApp(request.appId);
    const event = create(EventSchema, {
      appId: request.appId,
      requestId: request.requestId,
      event: request.event,
      receiveTime: timestampFromMs(now()),
    });
    if (request.origin !== undefined) event.origin = request.origin;
    const eventTime = toWholeMs(request.eventTime);
    if (eventTime !== undefined) event.eventTime = eventTime;
    const schema = eventSchemas[request.event.case as EventCase] as typeof AccountCreatedSchema;
    return store.appendEvent(event, contentDigest(schema, request.event.value as never, request.appId, msOf(eventTime)));
  };
}
