// Policies, questions and worlds for properties, as fast-check makes them.
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { AddSubscribersSchema, CreateAccountSchema, SendMessageSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { AccountProfileChangedSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { OriginSchema } from "../../gen/gatehouse/v1/origin_pb.ts";
import { completeElements } from "../../src/elements/complete-element.ts";
import { type CompiledPolicy, compilePolicy } from "../../src/policy/compile.ts";
import type { Question } from "../../src/policy/evaluate.ts";
import type { Facts } from "../../src/policy/functions.ts";
import { formatProblems } from "../../src/policy/problems.ts";

/** A rule as a policy writes it. */
export interface WrittenRule {
  id: string;
  on: string[];
  when?: string;
  then: object;
  mode?: string;
  on_error?: string;
}

const subjects = ["create_account", "add_subscribers", "account_profile_changed", "send_message"];

/** Conditions over what all subjects have; some of them cannot be evaluated for most operators. */
const commonConditions = [
  'operator == "ann"',
  'inList(operator, "staff")',
  '!inList(operator, "staff") && platform == "iOS"',
  "liveAccounts(operator) >= 2",
  'rate("create_account", operator, duration("1h")) > 1 || nameInUse(operator)',
  "int(operator) > 3",
  'int(operator) > 3 && matchesList(skeleton(operator), "names")',
  'matchesList(operator, "names")',
  "subscriptions(operator) > 0",
];
const ownConditions: Readonly<Record<string, readonly string[]>> = {
  create_account: ["size(name) > 2", 'matchesList(skeleton(name), "names")', "liveAccounts(owner) == int(name)"],
  add_subscribers: [
    'inList(subscriber, "staff")',
    'subscriber == "ann"',
    "int(subscriber) == 7",
    "size(subscribers) > 2",
    "isSubscribed(subscriber, account_id)",
    "subscribers(account_id) + size(subscribers) > 3",
  ],
  account_profile_changed: ['"name" in changed', 'matchesList(introduction, "names")'],
  send_message: [
    'matchesList(text, "names")',
    "messagesSent(account_id) > 1",
    'sameTextRate(account_id, text, duration("1h")) > 1',
    "int(text) > 3",
  ],
};

function thenOf(on: readonly string[]): fc.Arbitrary<object> {
  const message = on.length === 1 ? "{operator} may not" : "no";
  const effects: object[] = [
    { allow: {} },
    { deny: {} },
    { deny: { code: 120001, message } },
    { flag: {} },
    { flag: { severity: "high" } },
  ];
  if (on.every((subject) => subject === "add_subscribers")) effects.push({ refuse: {} }, { refuse: { message: "{subscriber} no" } });
  if (on.every((subject) => subject === "send_message")) {
    effects.push({ discard: {} }, { rewrite: { remove: { element_types: ["TIMFaceElem"] } } }, { rewrite: { mask: { list: "names" } } });
    effects.push({ rewrite: { mask: { list: "names", look_alikes: true }, replace: { list: "names", with: "x" } } });
  }
  return fc.constantFrom(...effects);
}

/** A rule with a condition, in force or in shadow mode. */
export function writtenRule(mode: fc.Arbitrary<string>): fc.Arbitrary<Omit<WrittenRule, "id">> {
  return fc.subarray(subjects, { minLength: 1 }).chain((on) => {
    const own = on.length === 1 ? (ownConditions[on[0] ?? ""] ?? []) : [];
    return fc.record({
      on: fc.constant(on),
      when: fc.constantFrom(...commonConditions, ...own),
      then: thenOf(on),
      mode,
      on_error: fc.constantFrom("apply", "skip"),
    });
  });
}

/** Rules with ids in their order. */
export const writtenRules: fc.Arbitrary<WrittenRule[]> = fc
  .array(writtenRule(fc.constantFrom("enforce", "enforce", "enforce", "shadow")), { maxLength: 12 })
  .map((rules) => rules.map((rule, index) => ({ id: `r${index}`, ...rule })));

/** Defaults of a policy. */
export const writtenDefaults = fc.record({
  create_account: fc.constantFrom("allow", "deny"),
  add_subscribers: fc.constantFrom("allow", "deny"),
  send_message: fc.constantFrom("allow", "deny"),
});

/** The text of a policy of these rules. */
export function policyText(rules: readonly WrittenRule[], defaults: object = {}): string {
  const lists = { staff: { kind: "exact" }, names: { kind: "pattern" } };
  return JSON.stringify({ name: "generated", lists, default: defaults, rules });
}

/** Compiles a policy of these rules. */
export function compileRules(rules: readonly WrittenRule[], defaults: object = {}): CompiledPolicy {
  const { policy, problems } = compilePolicy(policyText(rules, defaults));
  if (policy === undefined) throw new Error(formatProblems("generated", problems));
  return policy;
}

/** The id of a user; empty for one that is not known. */
export const user: fc.Arbitrary<string> = fc.constantFrom("ann", "ben", "cem", "7", "4", "0", "");
/** The name of an account. */
export const name: fc.Arbitrary<string> = fc.constantFrom("Official", "Оfficial", "ab", "3", "official news", "x");

/** A text with names in it, or a face. */
const element = fc.oneof(
  fc.tuple(name, name).map(([one, other]) => ({ MsgType: "TIMTextElem", MsgContent: { Text: `${one} and ${other}` } })),
  fc.constant({ MsgType: "TIMFaceElem", MsgContent: { Index: 1 } }),
);

const subject: fc.Arbitrary<Question["subject"]> = fc.oneof(
  fc
    .record({ operator: user, owner: user, name })
    .map((value) => ({ case: "createAccount" as const, value: create(CreateAccountSchema, value) })),
  fc
    .record({ accountId: fc.constant("@TOA#_a"), operator: user, subscribers: fc.array(user, { minLength: 1, maxLength: 6 }) })
    .map((value) => ({ case: "addSubscribers" as const, value: create(AddSubscribersSchema, value) })),
  fc
    .record({ accountId: fc.constant("@TOA#_a"), operator: user, name, introduction: name }, { requiredKeys: ["accountId", "operator"] })
    .map((value) => ({ case: "accountProfileChanged" as const, value: create(AccountProfileChangedSchema, value) })),
  fc.record({ operator: user, elements: fc.array(element, { maxLength: 4 }) }).map(({ operator, elements }) => {
    const message = create(SendMessageSchema, {
      accountId: "@TOA#_a",
      operator,
      elements: elements.map((one) => ({ rawJson: JSON.stringify(one) })),
    });
    message.elements = completeElements(message.elements);
    return { case: "sendMessage" as const, value: message };
  }),
);

/** A question. */
export const question: fc.Arbitrary<Question> = fc.record({
  appId: fc.constant(1400000000),
  locale: fc.constantFrom("", "zh"),
  origin: fc.constantFrom("iOS", "Web").map((platform) => create(OriginSchema, { platform })),
  subject,
  nowMs: fc.constant(0),
});

/** A world. */
export const facts: fc.Arbitrary<Facts> = fc
  .record({
    staff: fc.uniqueArray(user),
    phrases: fc.uniqueArray(name),
    accounts: fc.nat(4),
    inUse: fc.boolean(),
    rate: fc.nat(3),
    subscribed: fc.uniqueArray(user),
  })
  .map(({ staff, phrases, accounts, inUse, rate, subscribed }) => ({
    inList: (_list, value) => staff.includes(value),
    matchesList: (_list, text) => (typeof text === "string" ? phrases.includes(text) : text.text.length % 2 === 0),
    findInList: (_list, text, lookAlikes) =>
      phrases
        .flatMap((phrase) => {
          const start = lookAlikes ? 0 : text.indexOf(phrase);
          return start < 0 || text === "" ? [] : [{ start, end: start + 1 }];
        })
        .slice(0, 1),
    messagesSent: () => accounts,
    liveAccounts: (owner) => (owner === "ann" ? accounts : 0),
    nameInUse: () => inUse,
    subscriptions: (one) => (subscribed.includes(one) ? 1 : 0),
    subscribers: () => subscribed.length,
    isSubscribed: (one) => subscribed.includes(one),
    rate: () => rate,
  }));
