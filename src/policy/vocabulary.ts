// What rules can speak of: the actions, their fields, and the effects each can have.
import type { DecideRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";

/** An action as the schema has it, one of the oneof. */
export type Action = Exclude<DecideRequest["action"], { case: undefined }>;

/** The name of an action in the generated code. */
export type ActionCase = Action["case"];

/** The value of one action. */
export type ActionValue<K extends ActionCase> = Extract<Action, { case: K }>["value"];

/** The name of an effect in a policy. */
export type EffectName = "allow" | "deny" | "refuse" | "flag";

/** A CEL type. */
export type CelType = "string" | "int" | "list<string>" | "google.protobuf.Timestamp";

/** A field that conditions can read. */
export interface FieldSpec {
  type: CelType;
  /** What it holds, for people. */
  meaning: string;
}

/** What rules can say of one action. */
export interface ActionSpec<K extends ActionCase> {
  /** Its name in a policy. */
  name: string;
  /** The fields that conditions can read, besides the common ones. */
  fields: Record<string, FieldSpec>;
  effects: readonly EffectName[];
  /** The values of the fields. */
  read(action: ActionValue<K>): Record<string, unknown>;
  /** For an action on several users: the field that stands for one of them, and who they are. A rule that reads it is asked for each. */
  each?: { field: string; items(action: ActionValue<K>): readonly string[] };
}

/** Every action, in the order of the schema. A new action is an entry that the compiler demands. */
export const actionSpecs: { [K in ActionCase]: ActionSpec<K> } = {
  createAccount: {
    name: "create_account",
    fields: {
      operator: { type: "string", meaning: "The user who asks for it; empty when unknown." },
      owner: { type: "string", meaning: "The user who will own the account; empty when unknown." },
      name: { type: "string", meaning: "The name the account will have." },
    },
    effects: ["allow", "deny", "flag"],
    read: ({ operator, owner, name }) => ({ operator, owner, name }),
  },
  addSubscribers: {
    name: "add_subscribers",
    fields: {
      account_id: { type: "string", meaning: "The account they would subscribe to." },
      operator: { type: "string", meaning: "The user who asks for it; empty when unknown." },
      subscribers: { type: "list<string>", meaning: "All who would subscribe." },
      subscriber: { type: "string", meaning: "One who would subscribe; a rule that reads this is asked for each of them." },
    },
    effects: ["allow", "deny", "refuse", "flag"],
    read: ({ accountId, operator, subscribers }) => ({ account_id: accountId, operator, subscribers }),
    each: { field: "subscriber", items: ({ subscribers }) => subscribers },
  },
};

/** Every action's name in a policy. */
export const actionNames: readonly string[] = Object.values(actionSpecs).map((spec) => spec.name);

/** The fields that every condition can read. */
export const commonFields: Record<string, FieldSpec> = {
  app_id: { type: "int", meaning: "The Chat application, by SDKAppID." },
  client_ip: { type: "string", meaning: "The end user's address as Chat gave it; empty when unknown." },
  platform: { type: "string", meaning: "The end user's platform as Chat gave it, such as iOS or RESTAPI; empty when unknown." },
  now: { type: "google.protobuf.Timestamp", meaning: "When the decision is made." },
};

/** The values of the fields that every condition can read. */
export function readCommonFields(appId: number, origin: Origin | undefined, nowMs: number): Record<string, unknown> {
  return {
    app_id: BigInt(appId),
    client_ip: origin?.clientIp ?? "",
    platform: origin?.platform ?? "",
    now: new Date(nowMs),
  };
}
