// What a decision on a creation leaves for its event to be joined with, and what it takes meanwhile.
import { type Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import type { AskedCreation } from "../storage/storage.ts";
import { normalize } from "../text/normalize.ts";
import { msOf } from "./times.ts";

/** How long creations wait. */
export interface CreationWaits {
  /** How long an allowed one takes room and name when no event confirms it. */
  reservationMs: number;
  /** How long one waits for an event that comes late. */
  followUpMs: number;
}

/** How an action was answered. */
export interface Answered {
  decision: Pick<Decision, "action" | "verdict" | "eventTime">;
  /** What was answered instead of the verdict, when that came too late. */
  instead?: Verdict;
  /** When it was answered. */
  nowMs: number;
}

/**
 * The creation that was answered; undefined for other actions. Room and name are only taken while a policy asks for them, because each costs the
 * store some work.
 */
export function askedCreation(
  { decision: { action, verdict, eventTime }, instead = verdict, nowMs }: Answered,
  policies: readonly (CompiledPolicy | undefined)[],
  { reservationMs, followUpMs }: CreationWaits,
): AskedCreation | undefined {
  if (action.case !== "createAccount") return undefined;
  const { operator, owner, name } = action.value;
  const asked = { operator, owner, name, askMs: msOf(eventTime) ?? nowMs, followUpMs };
  if (instead !== Verdict.ALLOW) return asked;
  const asksForName = policies.some((policy) => policy?.asks.has("nameInUse"));
  const asksForRoom = policies.some((policy) => policy?.asks.has("liveAccounts"));
  return {
    ...asked,
    lapseMs: nowMs + reservationMs,
    takesRoom: asksForRoom || asksForName,
    takesName: asksForName ? normalize(name) : "",
  };
}
