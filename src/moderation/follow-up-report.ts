// Tells operators what became known: every follow-up is counted, and one that opened a case is logged.
import { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import type { FollowedAction, FollowedUp } from "../storage/storage.ts";

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

/** What is counted of each follow-up of an event, and of which kind a case about it is. */
const words: ReadonlyMap<number, { followUp: string; kind?: CaseKind }> = new Map([
  [FollowUp.CONFIRMED, { followUp: "confirmed" }],
  [FollowUp.LEAKED, { followUp: "leaked", kind: CaseKind.LEAK }],
  [FollowUp.BYPASSED, { followUp: "bypassed", kind: CaseKind.BYPASS }],
]);

/** How metrics name the actions, and what the log says of cases. */
const actions: Readonly<Record<FollowedAction, { word: string; leaked: string; bypassed: string }>> = {
  createAccount: {
    word: "create_account",
    leaked: "an account was created although that was denied",
    bypassed: "an account was created and nobody had asked",
  },
  addSubscribers: {
    word: "add_subscribers",
    leaked: "a user was subscribed although that was refused",
    bypassed: "a user was subscribed and nobody had asked",
  },
  sendMessage: {
    word: "send_message",
    leaked: "a message was sent although it was denied, or as it came although it was rewritten",
    bypassed: "a message was sent and nobody had asked",
  },
};

/** Tells what became known by an event about an action, or by a decision on it. */
export type OnFollowedUp = (action: FollowedAction, followedUp: readonly FollowedUp[]) => void;

/** Creates the report. */
export function createFollowUpReport({ metrics, log, gate }: FollowUpReportDeps): OnFollowedUp {
  return (action, all) => {
    const { word, ...texts } = actions[action];
    for (const { followUp: known, ...about } of all) {
      const { followUp = "other", kind } = words.get(known) ?? {};
      metrics.followedUp(word, followUp);
      if (kind === undefined || about.caseId === undefined) continue;
      metrics.caseOpened(caseKindWords.get(kind) ?? "other");
      const burst = gate(`${word} ${followUp}`);
      if (burst === undefined) continue;
      log.warn({ ...about, leftOut: burst.leftOut }, kind === CaseKind.LEAK ? texts.leaked : texts.bypassed);
    }
  };
}

/** How metrics name an action. */
export function actionWord(action: FollowedAction): string {
  return actions[action].word;
}
