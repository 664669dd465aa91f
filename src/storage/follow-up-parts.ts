// The parts of decisions that are followed up one by one: each subscriber, and a message in each form in which it may go out.
import type { Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { messageDigest } from "./message-digest.ts";

/** This module loads no generated code, so that a writer thread can start quickly. */
export const confirmed: typeof FollowUp.CONFIRMED = 1;
export const leaked: typeof FollowUp.LEAKED = 2;
export const abandoned: typeof FollowUp.ABANDONED = 3;
export const bypassed: typeof FollowUp.BYPASSED = 4;
export const unknown: typeof FollowUp.UNSPECIFIED = 0;
const allow: typeof Verdict.ALLOW = 1;

/** A part of a decision, from which events can follow. */
export interface Part {
  /** Of a subscriber the place in the request, the first one when it is named twice; of a message 0 as it came, and 1 as it was rewritten. */
  index: number;
  /** What the events have in common with it: the subscriber, or the message's digest. */
  thing: string;
  isAllowed: boolean;
}

/** A decision as it is kept: its body is what `encodeDecision` makes of it. */
export interface KeptDecision {
  verdict: number;
  /** What a fallback answered instead, as became known after the decision was written; null when none did. */
  answered: number | null;
  body: string;
}

/** What of a body is looked at. */
interface Body {
  addSubscribers?: { subscribers?: string[] };
  sendMessage?: { elements?: { rawJson: string }[]; customData?: string };
  refused?: { subscriber: string }[];
  rewrite?: { elements?: { rawJson?: string }[]; customData?: string };
}

/** The parts of a decision on subscribers or on a message; none of any other. */
export function partsOf({ verdict, answered, body }: KeptDecision): Part[] {
  const { addSubscribers, sendMessage, refused = [], rewrite } = JSON.parse(body) as Body;
  const isAllowed = (answered ?? verdict) === allow;
  if (addSubscribers !== undefined) {
    const refusedOnes = new Set(answered === null ? refused.map(({ subscriber }) => subscriber) : []);
    return firstOfEach(addSubscribers.subscribers ?? []).map(([thing, index]) => ({
      index,
      thing,
      isAllowed: isAllowed && !refusedOnes.has(thing),
    }));
  }
  if (sendMessage === undefined) return [];
  const { elements = [], customData = "" } = sendMessage;
  const asItCame = messageDigest(elements, customData);
  // What a fallback answered has rewritten nothing.
  const rewritten = rewrite === undefined || answered !== null ? asItCame : rewrittenDigest(elements, customData, rewrite);
  if (rewritten === asItCame) return [{ index: 0, thing: asItCame, isAllowed }];
  return [
    { index: 0, thing: asItCame, isAllowed: false },
    { index: 1, thing: rewritten, isAllowed },
  ];
}

/** Whether a decision has parts. */
export function hasParts({ action }: Pick<Decision, "action">): boolean {
  return action.case === "addSubscribers" || action.case === "sendMessage";
}

/** The users that an event has added, each once. */
export function thingsOfSubscribers(subscribers: readonly string[]): string[] {
  return firstOfEach(subscribers).map(([subscriber]) => subscriber);
}

/** What is known of a part of an event, and the sequence number of the decision that it follows from, 0 for none. */
export type PartState = [followUp: FollowUp, decisionSeq: number];

/** The worst first. */
const worstFirst = [leaked, bypassed, confirmed, unknown];

/** What an event follows from as a whole: the worst that is known of any of its parts, and the decision of the first such part. */
export function wholeOfEvent(states: readonly PartState[]): PartState {
  for (const followUp of worstFirst) {
    const found = states.find(([ofPart]) => ofPart === followUp);
    if (found !== undefined) return found;
  }
  return [unknown, 0];
}

/** What followed from a decision as a whole, and the part that it goes by; that part is undefined for one that was abandoned, or is not known. */
export function wholeOfDecision(
  parts: readonly Part[],
  hasEvent: (index: number) => boolean,
  isAbandoned: boolean,
): { followUp: FollowUp; part: Part | undefined; missing: number } {
  const missing = parts.filter(({ index, isAllowed }) => isAllowed && !hasEvent(index)).length;
  const ofEvents = parts.filter(({ index }) => hasEvent(index));
  const leak = ofEvents.find(({ isAllowed }) => !isAllowed);
  if (leak !== undefined) return { followUp: leaked, part: leak, missing };
  const [first] = ofEvents;
  if (first !== undefined) return { followUp: confirmed, part: first, missing };
  return { followUp: isAbandoned && missing > 0 ? abandoned : unknown, part: undefined, missing };
}

function rewrittenDigest(elements: readonly { rawJson: string }[], customData: string, rewrite: NonNullable<Body["rewrite"]>): string {
  // Without elements all of them go out as they came; an element without JSON does not go out.
  const goOut = rewrite.elements?.flatMap(({ rawJson = "" }) => (rawJson === "" ? [] : [{ rawJson }])) ?? elements;
  return messageDigest(goOut, rewrite.customData ?? customData);
}

function firstOfEach(values: readonly string[]): [value: string, index: number][] {
  const first = new Map<string, number>();
  for (const [index, value] of values.entries()) if (!first.has(value)) first.set(value, index);
  return [...first];
}
