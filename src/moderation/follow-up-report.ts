// Tells operators what became known: every follow-up is counted, and one that opened a case is logged.
import { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import type { FollowedUp } from "../storage/storage.ts";

/** Where it is told. */
export interface FollowUpReportDeps {
  metrics: { followedUp(action: string, followUp: string): void; caseOpened(kind: string): void };
  log: { warn(about: object, text: string): void };
  /** Lets the first of a burst through. */
  gate(key: string): { leftOut: number } | undefined;
}

/** The kinds of cases as metrics name them. */
export const caseKindWords: ReadonlyMap<number, string> = new Map([
  [CaseKind.LEAK, "leak"],
  [CaseKind.BYPASS, "bypass"],
  [CaseKind.LATE_DENY, "late_deny"],
]);

/** What is counted and logged of each follow-up of an event; with a kind, a case is opened. */
const words: ReadonlyMap<number, { followUp: string; kind?: CaseKind; text?: string }> = new Map([
  [FollowUp.CONFIRMED, { followUp: "confirmed" }],
  [FollowUp.LEAKED, { followUp: "leaked", kind: CaseKind.LEAK, text: "an account was created although that was denied" }],
  [FollowUp.BYPASSED, { followUp: "bypassed", kind: CaseKind.BYPASS, text: "an account was created and nobody had asked" }],
]);

/** Creates the report on creations. */
export function createFollowUpReport({ metrics, log, gate }: FollowUpReportDeps): (followedUp: readonly FollowedUp[]) => void {
  return (all) => {
    for (const { followUp: known, ...about } of all) {
      const { followUp = "other", kind, text = "" } = words.get(known) ?? {};
      metrics.followedUp("create_account", followUp);
      if (kind === undefined) continue;
      metrics.caseOpened(caseKindWords.get(kind) ?? "other");
      const burst = gate(followUp);
      if (burst !== undefined) log.warn({ ...about, leftOut: burst.leftOut }, text);
    }
  };
}
