// Asks a compiled policy about one action or event. Pure: the same policy, question and world give the same outcome.
import { type Match, type MessageRewrite, type Refusal, RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";
import { type MessageEdit, rewriteMessage } from "../elements/rewrite-message.ts";
import type { CompiledPolicy } from "./compile.ts";
import { ConditionError } from "./condition.ts";
import type { CompiledRule } from "./program.ts";
import { effectNumber, readCommonFields, type Subject, type SubjectCase, type SubjectSpec, subjectSpecs } from "./vocabulary.ts";
import type { World } from "./world.ts";

/** What is asked. */
export interface Question {
  appId: number;
  /** The language of messages, a BCP 47 tag; empty: the policy's own. */
  locale: string;
  origin: Origin | undefined;
  subject: Subject;
  /** When it is asked, in milliseconds since 1970. */
  nowMs: number;
}

/** What the policy says. */
export interface Outcome {
  verdict: Verdict;
  /** 0 for allow, 2 for discard, otherwise what the deny says. */
  code: number;
  message: string;
  /** In the order of the request; empty unless the verdict is allow. */
  refused: Refusal[];
  /** Every rule that held, in the policy's order. */
  matches: Match[];
  /** What goes out instead of the message; not there unless the verdict is allow and something of it changes. */
  rewrite?: MessageRewrite;
}

/** One rule that was asked. */
export interface AskedRule {
  rule: CompiledRule;
  /** The user it was asked about; empty for none. */
  item: string;
  /** What its condition could read. */
  fields: Readonly<Record<string, unknown>>;
  held: boolean;
  /** Why the condition could not be evaluated; empty when it could. */
  error: string;
}

/** The code of a denial by default, which no rule words. */
const defaultDenyCode = 1;

/** The code of a message that is discarded. */
const discardCode = 2;

/** What is said of a message that rules have rewritten to nothing, or to more than Chat takes. */
export const unsendableMessage = "What is left of the message cannot be sent.";

/**
 * Asks the rules in order. The first enforced allow, deny or discard that holds ends it; a refuse, or an allow of a rule that is asked for each
 * user, ends it for one user; a flag or rewrite ends nothing; when nothing ended it, the default does. The rewrites that held are done in order
 * when the message is allowed, and one that cannot be sent any more is denied. A rule in shadow mode is asked and noted, and changes nothing. A condition that cannot be evaluated counts as held (`on_error: apply`) or is passed over (`skip`), and its match is marked.
 * Throws whatever the world throws. `onAsked` hears of every rule as it is asked.
 */
export function evaluate(policy: CompiledPolicy, question: Question, world: World, onAsked?: (asked: AskedRule) => void): Outcome {
  const { subject } = question;
  const spec = subjectSpecs[subject.case] as SubjectSpec<SubjectCase>;
  const program = policy.programs[subject.case];
  const fields = { ...readCommonFields(question.appId, question.origin, question.nowMs), ...spec.read(subject.value as never) };
  const items = spec.each === undefined ? [] : [...new Set(spec.each.items(subject.value as never))];
  const eachField = spec.each?.field ?? "";
  const settled = new Set<string>();
  let edits: MessageEdit[] | undefined;
  const outcome: Outcome = { verdict: Verdict.ALLOW, code: 0, message: "", refused: [], matches: [] };

  /** Asks one rule and notes a match; what it says when it takes effect, undefined when it does not. */
  function ask(rule: CompiledRule, item: string): string | undefined {
    let error = "";
    let held = true;
    try {
      held = rule.condition === undefined || rule.condition.holds(fields, world);
    } catch (cause) {
      if (!(cause instanceof ConditionError)) throw cause;
      error = cause.message;
    }
    onAsked?.({ rule, item, fields, held, error });
    if (!held) return undefined;
    const { effect } = rule;
    const message = "messageOf" in effect ? (effect.messageOf?.(fields, question.locale) ?? "") : "";
    const skipped = error !== "" && rule.skipOnError;
    outcome.matches.push({
      $typeName: "gatehouse.v1.Match",
      rule: rule.id,
      effect: effectNumber[effect.name],
      mode: rule.shadow ? RuleMode.SHADOW : RuleMode.ENFORCE,
      subscriber: item,
      error,
      skipped,
      severity: effect.name === "flag" ? effect.severity : Severity.UNSPECIFIED,
      labels: rule.labels,
      message,
    });
    return rule.shadow || skipped ? undefined : message;
  }

  for (const rule of program.rules) {
    const { effect } = rule;
    if (!rule.forEach) {
      const message = ask(rule, "");
      if (message === undefined) continue;
      if (effect.name === "allow") return allow();
      if (effect.name === "deny") return deny(outcome, effect.code, message);
      if (effect.name === "discard") return { ...outcome, verdict: Verdict.DISCARD, code: discardCode };
      if (effect.name === "rewrite") {
        edits ??= [];
        edits.push(effect.edit);
      }
      continue;
    }
    for (const item of items) {
      if (settled.has(item)) continue;
      fields[eachField] = item;
      const message = ask(rule, item);
      if (message === undefined || effect.name === "flag") continue;
      if (effect.name === "deny") return deny(outcome, effect.code, message);
      settled.add(item);
      if (effect.name === "refuse") {
        outcome.refused.push({ $typeName: "gatehouse.v1.Refusal", subscriber: item, rule: rule.id, message });
      }
    }
    if (items.length > 0 && settled.size === items.length) return allow();
  }
  return program.deniedByDefault ? deny(outcome, defaultDenyCode, "") : allow();

  function allow(): Outcome {
    if (edits === undefined || subject.case !== "sendMessage") return finish(outcome, items);
    const rewrite = rewriteMessage(subject.value, edits, world.findInList);
    if (rewrite === "unsendable") return deny(outcome, defaultDenyCode, unsendableMessage);
    return rewrite === undefined ? outcome : { ...outcome, rewrite };
  }
}

function deny(outcome: Outcome, code: number, message: string): Outcome {
  return { ...outcome, verdict: Verdict.DENY, code, message, refused: [] };
}

/** Refusals come rule by rule; the answer has them in the order of the request. */
function finish(outcome: Outcome, items: readonly string[]): Outcome {
  if (outcome.refused.length > 1) {
    const order = new Map(items.map((item, index) => [item, index]));
    outcome.refused.sort((a, b) => (order.get(a.subscriber) ?? 0) - (order.get(b.subscriber) ?? 0));
  }
  return outcome;
}
