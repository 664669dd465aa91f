// What rules can speak of: actions and events, their fields, and the effects each can have.
import { type Decision, Effect } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { MessageElement } from "../../gen/gatehouse/v1/message_element_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";
import { elementTypes, messageLinks, messageSizeBytes, messageText } from "../elements/element-texts.ts";
import { sameTextKey } from "./same-text.ts";

/** What a policy is asked about: an action or an event as the schema has it, one of the oneof. */
export type Subject = Exclude<Decision["action"], { case: undefined }>;

/** The name of a subject in the generated code. */
export type SubjectCase = Subject["case"];

/** The value of one subject. */
type SubjectValue<K extends SubjectCase> = Extract<Subject, { case: K }>["value"];

/** The name of an effect in a policy. */
export type EffectName = "allow" | "deny" | "discard" | "refuse" | "rewrite" | "flag";

/** The effects as the schema numbers them. */
export const effectNumber = {
  allow: Effect.ALLOW,
  deny: Effect.DENY,
  discard: Effect.DISCARD,
  refuse: Effect.REFUSE,
  rewrite: Effect.REWRITE,
  flag: Effect.FLAG,
} as const satisfies Record<EffectName, Effect>;

/** A CEL type. */
type CelType = "string" | "int" | "bool" | "list<string>" | "google.protobuf.Timestamp";

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
  /** An event has happened: it cannot be denied, discarded or rewritten any more, and a rule that would do so flags it. */
  isEvent: boolean;
  /** The fields that conditions can read, besides the common ones. */
  fields: Record<string, FieldSpec>;
  effects: readonly EffectName[];
  /** The values of the fields. */
  read(subject: SubjectValue<K>): Record<string, unknown>;
  /** The users and accounts in it, and what else it is counted under for rates; empty ones and repeats are passed over. */
  identities(subject: SubjectValue<K>): readonly string[];
  /** For an action on several users: the field that stands for one of them, and who they are. A rule that reads it is asked for each. */
  each?: { field: string; items(subject: SubjectValue<K>): readonly string[] };
}

const operator: FieldSpec = { type: "string", meaning: "The user who asks for it, or did it; empty when unknown." };
const owner: FieldSpec = { type: "string", meaning: "The user who owns the account, or will; empty when unknown." };
const accountId: FieldSpec = { type: "string", meaning: "The account." };

/** What rules can read of a message, before and after it is sent. */
const messageFields = {
  online_only: { type: "bool", meaning: "Whether the message is for those who are online, and kept nowhere." },
  text: { type: "string", meaning: "All text of the message, a line for each text in it." },
  links: { type: "list<string>", meaning: "The links in its text and the addresses in its elements, each once, at most 100." },
  element_types: { type: "list<string>", meaning: "The types of its elements, each once, such as TIMTextElem." },
  size_bytes: { type: "int", meaning: "How many bytes it has in UTF-8: its elements in JSON, and its custom data." },
  custom_data: { type: "string", meaning: "What the app sends along with it." },
} as const satisfies Record<string, FieldSpec>;

/** The values of those fields. */
function readMessage(message: {
  onlineOnly: boolean;
  elements: MessageElement[];
  customData: string;
}): Record<keyof typeof messageFields, unknown> {
  const { onlineOnly, elements, customData } = message;
  const text = messageText(elements);
  return {
    online_only: onlineOnly,
    text,
    links: messageLinks(elements, text),
    element_types: elementTypes(elements),
    size_bytes: BigInt(messageSizeBytes(elements, customData)),
    custom_data: customData,
  };
}

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
  sendMessage: {
    name: "send_message",
    isEvent: false,
    fields: { account_id: accountId, operator, ...messageFields },
    effects: ["allow", "deny", "discard", "rewrite", "flag"],
    read: (subject) => ({ account_id: subject.accountId, operator: subject.operator, ...readMessage(subject) }),
    identities: (subject) => [subject.accountId, subject.operator, sameTextKey(subject.accountId, messageText(subject.elements))],
  },
  messageSent: {
    name: "message_sent",
    isEvent: true,
    fields: { account_id: accountId, message_key: { type: "string", meaning: "The message's key; may be empty." }, ...messageFields },
    effects: ["allow", "deny", "discard", "rewrite", "flag"],
    read: (subject) => ({ account_id: subject.accountId, message_key: subject.messageKey, ...readMessage(subject) }),
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
