// What rules can speak of: actions and events, their fields, and the effects each can have.
import { type Decision, Effect } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";

/** What a policy is asked about: an action or an event as the schema has it, one of the oneof. */
export type Subject = Exclude<Decision["action"], { case: undefined }>;

/** The name of a subject in the generated code. */
export type SubjectCase = Subject["case"];

/** The value of one subject. */
type SubjectValue<K extends SubjectCase> = Extract<Subject, { case: K }>["value"];

/** The name of an effect in a policy. */
export type EffectName = "allow" | "deny" | "refuse" | "flag";

/** The effects as the schema numbers them. */
export const effectNumber = {
  allow: Effect.ALLOW,
  deny: Effect.DENY,
  refuse: Effect.REFUSE,
  flag: Effect.FLAG,
} as const satisfies Record<EffectName, Effect>;

/** A CEL type. */
type CelType = "string" | "int" | "list<string>" | "google.protobuf.Timestamp";

/** A field that conditions can read. */
export interface FieldSpec {
  type: CelType;
  /** What it holds, for people. */
  meaning: string;
}

/** What rules can say of one subject. */
export interface SubjectSpec<K extends SubjectCase> {
  /** Its name in a policy. */
  name: string;
  /** An event has happened: it cannot be denied any more, and a deny flags it. */
  isEvent: boolean;
  /** The fields that conditions can read, besides the common ones. */
  fields: Record<string, FieldSpec>;
  effects: readonly EffectName[];
  /** The values of the fields. */
  read(subject: SubjectValue<K>): Record<string, unknown>;
  /** The users and accounts in it, under which rate() counts it; empty ones and repeats are passed over. */
  identities(subject: SubjectValue<K>): readonly string[];
  /** For an action on several users: the field that stands for one of them, and who they are. A rule that reads it is asked for each. */
  each?: { field: string; items(subject: SubjectValue<K>): readonly string[] };
}

const operator: FieldSpec = { type: "string", meaning: "The user who asks for it, or did it; empty when unknown." };
const owner: FieldSpec = { type: "string", meaning: "The user who owns the account, or will; empty when unknown." };
const accountId: FieldSpec = { type: "string", meaning: "The account." };

/** Everything that rules can be asked about, in the order of the schema. A new one is an entry that the compiler demands. */
export const subjectSpecs: { [K in SubjectCase]: SubjectSpec<K> } = {
  createAccount: {
    name: "create_account",
    isEvent: false,
    fields: { operator, owner, name: { type: "string", meaning: "The name the account will have." } },
    effects: ["allow", "deny", "flag"],
    read: (subject) => ({ operator: subject.operator, owner: subject.owner, name: subject.name }),
    identities: (subject) => [subject.operator, subject.owner],
  },
  addSubscribers: {
    name: "add_subscribers",
    isEvent: false,
    fields: {
      account_id: accountId,
      operator,
      subscribers: { type: "list<string>", meaning: "All who would subscribe." },
      subscriber: { type: "string", meaning: "One who would subscribe; a rule that reads this is asked for each of them." },
    },
    effects: ["allow", "deny", "refuse", "flag"],
    read: (subject) => ({ account_id: subject.accountId, operator: subject.operator, subscribers: subject.subscribers }),
    identities: (subject) => [subject.accountId, subject.operator, ...subject.subscribers],
    each: { field: "subscriber", items: (subject) => subject.subscribers },
  },
  accountCreated: {
    name: "account_created",
    isEvent: true,
    fields: { account_id: accountId, operator, owner, name: { type: "string", meaning: "The name the account has." } },
    effects: ["allow", "deny", "flag"],
    read: (subject) => ({ account_id: subject.accountId, operator: subject.operator, owner: subject.owner, name: subject.name }),
    identities: () => [],
  },
  accountProfileChanged: {
    name: "account_profile_changed",
    isEvent: true,
    fields: {
      account_id: accountId,
      operator,
      name: { type: "string", meaning: "The new name; empty when it was not changed." },
      introduction: { type: "string", meaning: "The new introduction; empty when it was not changed." },
      face_url: { type: "string", meaning: "The address of the new picture; empty when it was not changed." },
      organization: { type: "string", meaning: "The new organization; empty when it was not changed." },
      changed: { type: "list<string>", meaning: "The names of the fields that were changed, such as introduction." },
    },
    effects: ["allow", "deny", "flag"],
    read: ({ accountId: account_id, operator: by, name, introduction, faceUrl, organization }) => {
      const profile = { name, introduction, face_url: faceUrl, organization };
      const changed = Object.entries(profile).flatMap(([field, value]) => (value === undefined ? [] : [field]));
      return {
        account_id,
        operator: by,
        name: name ?? "",
        introduction: introduction ?? "",
        face_url: faceUrl ?? "",
        organization: organization ?? "",
        changed,
      };
    },
    identities: () => [],
  },
};

/** The name in a policy of everything that rules can be asked about. */
export const subjectNames: readonly string[] = Object.values(subjectSpecs).map((spec) => spec.name);

/** The names of the actions among them, which rate() counts. */
export const actionNames: readonly string[] = Object.values(subjectSpecs).flatMap((spec) => (spec.isEvent ? [] : [spec.name]));

/** The fields that every condition can read. */
export const commonFields: Record<string, FieldSpec> = {
  app_id: { type: "int", meaning: "The Chat application, by SDKAppID." },
  client_ip: { type: "string", meaning: "The end user's address as Chat gave it; empty when unknown." },
  platform: { type: "string", meaning: "The end user's platform as Chat gave it, such as iOS or RESTAPI; empty when unknown." },
  now: { type: "google.protobuf.Timestamp", meaning: "When it is decided." },
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
