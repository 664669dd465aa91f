// How a decision becomes degraded: what a fallback answered takes the place of what the policy said.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Decision } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { FallbackAnswer } from "./storage.ts";

/** The decision with the fallback's answer as its verdict, and its own verdict, refused and rewrite as the late ones. */
export function degradedDecision(decided: Decision, { cause, verdict, code, answerTimeMs }: FallbackAnswer): Decision {
  // What the policy would have rewritten went out as it came, or not at all.
  const { rewrite, ...decision } = decided;
  return {
    ...decision,
    ...(rewrite && { lateRewrite: rewrite }),
    degraded: true,
    degradedCause: cause,
    answerTime: timestampFromMs(answerTimeMs),
    verdict,
    code,
    message: "",
    refused: [],
    lateVerdict: decision.verdict,
    lateRefused: decision.refused,
  };
}
