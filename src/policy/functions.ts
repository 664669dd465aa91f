// The functions that conditions can call, besides CEL's own: one table, from which the checks, the documentation and the engine follow.

import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { createCidrSet, parseCidr } from "../text/cidr.ts";
import { compileGlob } from "../text/glob.ts";
import { compileLinearRegex } from "../text/linear-regex.ts";
import { maxLinks, urlHosts } from "../text/links.ts";
import { normalize } from "../text/normalize.ts";
import { skeleton } from "../text/skeleton.ts";
import type { TextRange } from "../text/text-ranges.ts";
import { sameTextKey } from "./same-text.ts";

/**
 * A text as it looks. A CEL type of its own: a skeleton is spelled like other words than its text ("com" looks like "corn"), so it is compared
 * with skeletons only.
 */
export class Skeleton {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What conditions may ask about the world. All answers during one evaluation are from one moment, and for the app that is asked about. */
export interface Facts {
  /** Whether the value is on the list, as its kind compares; false when there is no such list. */
  inList(list: string, value: string): boolean;
  /** Whether a phrase of the list occurs in a text, or in the skeleton of one; false when there is no such list. */
  matchesList(list: string, text: string | Skeleton): boolean;
  /** Where phrases of the list are in a text, or what looks like them; in order, without overlaps. */
  findInList(list: string, text: string, lookAlikes: boolean): readonly TextRange[];
  /** How many live accounts the owner has, with allowed creations that are not confirmed yet. */
  liveAccounts(owner: string): number;
  /** Whether a live account, or an allowed creation that is not confirmed yet, has this name but for its normal form. */
  nameInUse(name: string): boolean;
  /** How many accounts the user subscribes to. */
  subscriptions(user: string): number;
  /** How many users subscribe to the account. */
  subscribers(accountId: string): number;
  /** Whether the user subscribes to the account. */
  isSubscribed(user: string, accountId: string): boolean;
  /** How many messages the account has sent. */
  messagesSent(accountId: string): number;
  /** How many decisions on the action named this key in the window. */
  rate(action: string, key: string, windowMs: number): number;
}

/** What must be known of an argument when the policy is checked. */
export type ArgumentRule =
  /** The name of a list of one of these kinds, which the policy declares, in quotes. */
  | { kind: "list"; kinds: readonly ListKind[] }
  /** The name of an action, in quotes. */
  | { kind: "action" }
  /** A time span from 1 s to 30 days, written out: `duration("1h")`. */
  | { kind: "window" }
  /** The name of a signal, in quotes. Whether there is one, only who uses the policy knows. */
  | { kind: "signal" }
  /** A pattern in quotes, of which `compile` makes a predicate or throws an error that says what is wrong. */
  | { kind: "pattern"; compile(pattern: string): (text: string) => boolean };

/** A function that conditions can call. */
export interface FunctionSpec {
  /** Name, types of the arguments, type of the result, as CEL writes them. */
  signature: string;
  /** The same for other types of arguments. */
  overloads?: readonly string[];
  meaning: string;
  example: string;
  /** The arguments that must be known when the policy is checked, by place. */
  rules: Readonly<Record<number, ArgumentRule>>;
  /** Answers from the arguments alone, asks the world, or asks a signal; the answers of world and signals are recorded in the decision. */
  call:
    | { kind: "text"; run(...args: never[]): unknown }
    | { kind: "world"; ask(facts: Facts, ...args: never[]): boolean | number }
    | { kind: "signal" };
}

/** A function of a text and a pattern that is known when the policy is checked. */
function patternFunction(
  name: string,
  meaning: string,
  example: string,
  compile: (pattern: string) => (text: string) => boolean,
): FunctionSpec {
  // Every pattern that gets here passed the check of a policy, so there are no more of them than policies have.
  const compiled = new Map<string, (text: string) => boolean>();
  const predicateOf = (pattern: string) => {
    let predicate = compiled.get(pattern);
    if (predicate === undefined) {
      if (compiled.size >= 10_000) compiled.clear();
      predicate = compile(pattern);
      compiled.set(pattern, predicate);
    }
    return predicate;
  };
  return {
    signature: `${name}(string, string): bool`,
    meaning,
    example,
    rules: { 1: { kind: "pattern", compile: predicateOf } },
    call: { kind: "text", run: (text: string, pattern: string) => predicateOf(pattern)(text) },
  };
}

function compileCidr(range: string): (address: string) => boolean {
  parseCidr(range);
  return createCidrSet([range]);
}

/** The functions by name. */
export const functionSpecs: Readonly<Record<string, FunctionSpec>> = {
  inList: {
    signature: "inList(string, string): bool",
    meaning:
      "Whether the value is on the list: byte for byte on an exact one, as a whole under a pattern of a glob one, as an address in a range of a cidr one.",
    example: 'inList(operator, "staff")',
    rules: { 1: { kind: "list", kinds: [ListKind.EXACT, ListKind.GLOB, ListKind.CIDR] } },
    call: { kind: "world", ask: (facts, value: string, list: string) => facts.inList(list, value) },
  },
  matchesList: {
    signature: "matchesList(string, string): bool",
    overloads: ["matchesList(Skeleton, string): bool"],
    meaning:
      "Whether a word or phrase of the pattern list occurs in the text, both in normal form; give it skeleton(text) to see through look-alikes.",
    example: 'matchesList(skeleton(name), "protected_names")',
    rules: { 1: { kind: "list", kinds: [ListKind.PATTERN] } },
    call: { kind: "world", ask: (facts, text: string | Skeleton, list: string) => facts.matchesList(list, text) },
  },
  normalize: {
    signature: "normalize(string): string",
    meaning:
      "The text in its normal form: compatibility characters resolved, letters folded, invisible characters and combining noise removed.",
    example: 'normalize(name) == "official news"',
    rules: {},
    call: { kind: "text", run: (text: string) => normalize(text) },
  },
  skeleton: {
    signature: "skeleton(string): Skeleton",
    meaning:
      "The text as it looks: normal form, with characters that look like others replaced by those (Unicode UTS #39). To be compared with other skeletons, or given to matchesList().",
    example: 'skeleton(name) == skeleton("Official News")',
    rules: {},
    call: { kind: "text", run: (text: string) => new Skeleton(skeleton(text)) },
  },
  glob: patternFunction(
    "glob",
    "Whether the whole text fits the pattern: `*` any text, `?` any character.",
    'glob(name, "Official *")',
    compileGlob,
  ),
  inCidr: patternFunction(
    "inCidr",
    "Whether the address is in the range, IPv4 or IPv6; false for what is no address.",
    'inCidr(client_ip, "10.0.0.0/8")',
    compileCidr,
  ),
  regex: patternFunction(
    "regex",
    "Whether the pattern, a regular expression as RE2 has them, occurs in the text; in time linear in its length.",
    'regex(name, "(?i)free +money")',
    compileLinearRegex,
  ),
  urlHosts: {
    signature: "urlHosts(string): list<string>",
    overloads: ["urlHosts(list<string>): list<string>"],
    meaning:
      "The hosts that the links in the text, or in any of the texts, lead to: in lower case and punycode, each once, at most 100. Links are addresses with a scheme, names with www. or a path, and bare names with a common ending.",
    example: 'urlHosts(text).exists(host, inList(host, "bad_hosts"))',
    rules: {},
    call: {
      kind: "text",
      run: (texts: string | readonly string[]) => [...new Set([texts].flat().flatMap(urlHosts))].slice(0, maxLinks),
    },
  },
  liveAccounts: {
    signature: "liveAccounts(string): int",
    meaning: "How many live accounts the owner has in the app, with allowed creations that are not confirmed yet.",
    example: "liveAccounts(owner) >= 5",
    rules: {},
    call: { kind: "world", ask: (facts, user: string) => facts.liveAccounts(user) },
  },
  nameInUse: {
    signature: "nameInUse(string): bool",
    meaning: "Whether a live account of the app, or an allowed creation that is not confirmed yet, has this name; in normal form.",
    example: "nameInUse(name)",
    rules: {},
    call: { kind: "world", ask: (facts, name: string) => facts.nameInUse(name) },
  },
  subscriptions: {
    signature: "subscriptions(string): int",
    meaning: "How many accounts of the app the user subscribes to, as far as events have said.",
    example: "subscriptions(subscriber) >= 1000",
    rules: {},
    call: { kind: "world", ask: (facts, user: string) => facts.subscriptions(user) },
  },
  subscribers: {
    signature: "subscribers(string): int",
    meaning: "How many users subscribe to the account of this id, as far as events have said.",
    example: "subscribers(account_id) >= 100000",
    rules: {},
    call: { kind: "world", ask: (facts, accountId: string) => facts.subscribers(accountId) },
  },
  isSubscribed: {
    signature: "isSubscribed(string, string): bool",
    meaning: "Whether the user subscribes to the account of this id, as far as events have said.",
    example: "isSubscribed(operator, account_id)",
    rules: {},
    call: { kind: "world", ask: (facts, user: string, accountId: string) => facts.isSubscribed(user, accountId) },
  },
  messagesSent: {
    signature: "messagesSent(string): int",
    meaning: "How many messages the account of this id has sent, as far as events have said.",
    example: "messagesSent(account_id) < 3 && size(links) > 0",
    rules: {},
    call: { kind: "world", ask: (facts, accountId: string) => facts.messagesSent(accountId) },
  },
  sameTextRate: {
    signature: "sameTextRate(string, string, google.protobuf.Duration): int",
    meaning:
      "How many decisions were made on the account of this id sending this text, in normal form, in the window, to a sixtieth of it; 0 for no text. Counted from the time a policy first asks for that window of send_message.",
    example: 'sameTextRate(account_id, text, duration("1h")) >= 3',
    rules: { 2: { kind: "window" } },
    call: {
      kind: "world",
      ask: (facts, accountId: string, text: string, window: { valueOf(): number }) =>
        facts.rate("send_message", sameTextKey(accountId, text), window.valueOf()),
    },
  },
  rate: {
    signature: "rate(string, string, google.protobuf.Duration): int",
    meaning:
      "How many decisions on the action in the app named this key (as operator, owner, account, subscriber or client address) in the window, to a sixtieth of it. Counted from the time a policy first asks for that window.",
    example: 'rate("create_account", operator, duration("1h")) >= 10',
    rules: { 0: { kind: "action" }, 2: { kind: "window" } },
    call: {
      kind: "world",
      ask: (facts, action: string, key: string, window: { valueOf(): number }) => facts.rate(action, key, window.valueOf()),
    },
  },
  signal: {
    signature: "signal(string, string): double",
    meaning:
      "What the classifier of this name, which the settings declare, says of the text; 0 for no text. When it does not answer in time, the value that the settings give for that.",
    example: 'signal("toxicity", text) > 0.8',
    rules: { 0: { kind: "signal" } },
    call: { kind: "signal" },
  },
};

/** Functions of CEL that take time which their input can drive up without bound. */
export const refusedFunctions: Readonly<Record<string, string>> = {
  matches: 'matches() backtracks and can be stalled by a hostile name; use regex(text, "pattern"), which cannot.',
  bind: "cel.bind() can build texts and lists of any size; write the expression out.",
};
