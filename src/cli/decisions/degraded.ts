// How a decision is told of that a fallback answered for.
import { type Decision, DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { enumWord, formatTime, safe } from "../text.ts";

/** What the policy said late, and why it was not asked in time, as fields; none for a decision that is not degraded. */
export function degradedFields({
  degraded,
  degradedCause,
  lateVerdict,
  lateRefused,
  lateRewrite,
  answerTime,
}: Decision): [name: string, value: string][] {
  if (!degraded) return [];
  const refused = lateRefused.length === 0 ? "" : `, without ${lateRefused.map(({ subscriber }) => safe(subscriber)).join(", ")}`;
  return [
    ["degraded by", enumWord(DegradedCause, degradedCause)],
    ["answered", formatTime(answerTime)],
    ["late verdict", `${enumWord(Verdict, lateVerdict)}${refused}${lateRewrite === undefined ? "" : ", rewritten"}`],
  ];
}
