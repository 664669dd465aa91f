// What became known by a write, as the writing sides of stores answer it: a sequence number, and after it four numbers for each event.
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { FollowedUp } from "./storage.ts";

/** A number, or one with what became known after it. */
type Followed = number | readonly number[];

/** The sequence number of a result, or what else stands first. */
export function seqOf(result: Followed): number {
  return typeof result === "number" ? result : (result[0] ?? 0);
}

/** What became known; undefined when nothing did. */
export function followedUpOf(result: Followed): FollowedUp[] | undefined {
  if (typeof result === "number") return undefined;
  const followedUp: FollowedUp[] = [];
  for (let at = 1; at < result.length; at += 4) {
    const [followUp = 0, eventSeq = 0, decisionSeq = 0, caseSeq = 0] = result.slice(at, at + 4);
    followedUp.push({
      followUp: followUp as FollowUp,
      eventId: formatSequenceId("evt", eventSeq),
      ...(decisionSeq > 0 && { decisionId: formatSequenceId("dec", decisionSeq) }),
      ...(caseSeq > 0 && { caseId: formatSequenceId("case", caseSeq) }),
    });
  }
  return followedUp;
}
