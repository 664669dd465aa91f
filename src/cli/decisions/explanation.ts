// How a decision that is told again looks: rule by rule, with what the parts of its condition were.
import { Effect, type Fact, RuleMode } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { type ExplainDecisionResponse, type RuleExplanation, RuleResult } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import { enumWord, fields, safe } from "../text.ts";

const resultWords: Readonly<Record<number, string>> = {
  [RuleResult.NOT_HELD]: "did not hold",
  [RuleResult.HELD]: "held",
  [RuleResult.APPLIED_ON_ERROR]: "could not be evaluated, and was taken as held",
  [RuleResult.SKIPPED_ON_ERROR]: "could not be evaluated, and was passed over",
  [RuleResult.NOT_ASKED]: "was not asked: an earlier rule had ended it",
};

/** The rules in the policy's order as blocks of lines, and then how it ended. */
export function describeExplanation({ rules, conclusion, decision }: ExplainDecisionResponse): string {
  const blocks = rules.map(describeRule);
  const unanswered = (decision?.facts ?? []).filter(({ failure }) => failure !== "");
  return [
    ...(blocks.length === 0 ? ["No rule of the policy is about this.\n"] : blocks),
    ...(unanswered.length === 0 ? [] : [unanswered.map(describeUnanswered).join("")]),
    `→ ${safe(conclusion)}\n`,
  ].join("\n");
}

function describeUnanswered({ function: name, arguments: given, value, failure }: Fact): string {
  return `not answered (${safe(failure)}), and taken as ${safe(value)}: ${name}(${given.map((text) => `"${oneLine(text)}"`).join(", ")})\n`;
}

function describeRule({ rule, line, condition, effect, mode, subscriber, result, values, error }: RuleExplanation): string {
  const subject = subscriber === "" ? "" : ` for ${safe(subscriber)}`;
  const trial = mode === RuleMode.SHADOW ? ", in shadow mode" : "";
  const head = `line ${line}: ${safe(rule)} (${enumWord(Effect, effect)}${trial})${subject} ${resultWords[result] ?? `ended with result ${result}`}\n`;
  if (result === RuleResult.NOT_ASKED) return head;
  const when = condition === "" ? "  always holds\n" : indented("  when ", condition);
  const parts = values.filter(({ expression }) => expression !== condition);
  const shown = parts.length === 0 ? "" : fields(parts.map((part) => [`       ${oneLine(part.expression)}`, oneLine(part.value)]));
  return `${head}${when}${shown}${error === "" ? "" : indented("  error ", error)}`;
}

/** Text of any number of lines behind a word. */
function indented(word: string, text: string): string {
  const [first = "", ...rest] = text.trimEnd().split("\n").map(safe);
  return `${[`${word}${first}`, ...rest.map((line) => " ".repeat(word.length) + line)].join("\n")}\n`;
}

function oneLine(text: string): string {
  return safe(text.replace(/\s*\n\s*/g, " "));
}
