// What a webhook command is: how its body becomes one call of the moderation service, and the outcome an answer.
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { DecideRequest, RecordRequest } from "../../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { WebhookAnswer } from "../answer.ts";
import type { WebhookBody } from "../body.ts";

/** An action with a value; one of the schema's oneof. */
export type Action = Exclude<DecideRequest["action"], { case: undefined }>;

/** An event with a value; one of the schema's oneof. */
export type Event = Exclude<RecordRequest["event"], { case: undefined }>;

/** A command that asks before something happens. */
export interface BeforeCommand<K extends Action["case"] = Action["case"]> {
  kind: "before";
  /** The action it asks about; also names the fallback that answers when no verdict can be had. */
  action: K;
  /** Reads the body; `bodyText` is the same as it came. Throws MalformedBody. */
  decode(body: WebhookBody, bodyText: string): Extract<Action, { case: K }>["value"];
  encode(decision: Decision): WebhookAnswer;
}

/** A command that tells what has happened. */
export interface AfterCommand {
  kind: "after";
  /** Reads the body; `bodyText` is the same as it came. Throws MalformedBody. */
  decode(body: WebhookBody, bodyText: string): Event;
}

export type WebhookCommand = { [K in Action["case"]]: BeforeCommand<K> }[Action["case"]] | AfterCommand;
