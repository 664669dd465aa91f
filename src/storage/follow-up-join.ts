// Which decision each event follows from: a function of the decisions and events on one thing, whatever the order in which they came.

/** A decision that events can follow from. */
export interface AskedDecision {
  /** When it was asked, by Chat's clock where that is known. */
  askMs: number;
  /** Until when an allowed one stands; null for one that was denied. */
  lapseMs: number | null;
  /** Its place in the log, which breaks ties. */
  seq: number;
}

/** An event that can follow from decisions. */
export interface FollowingEvent {
  /** When it happened, by Chat's clock where that is known. */
  eventMs: number;
  /** Breaks ties. */
  accountId: string;
}

/** How long after an event its decision may seem to have been asked: for clocks that differ when only one of the two has Chat's time. */
export const clockSlackMs = 5000;

/**
 * Joins events with decisions on the same thing, each with at most one of the other; undefined for an event that nobody had asked about. Events
 * have their choice in the order of their times, among the decisions that were asked in the `windowMs` before (or shortly after, see
 * `clockSlackMs`): the oldest allow that still stood; else the last that was said of it, be it a denial or an allow that had lapsed. So a second
 * request that is denied while the first is under way makes no leak of the first, and an allow that was given up long ago hides no leak.
 */
export function joinFollowUps<Asked extends AskedDecision, Following extends FollowingEvent>(
  decisions: readonly Asked[],
  events: readonly Following[],
  windowMs: number,
): Map<Following, Asked | undefined> {
  const inOrder = [...decisions].sort((a, b) => a.askMs - b.askMs || a.seq - b.seq);
  const free = new Set(inOrder);
  const joined = new Map<Following, Asked | undefined>();
  for (const event of [...events].sort((a, b) => a.eventMs - b.eventMs || compareTexts(a.accountId, b.accountId))) {
    const decision = choose(free, event.eventMs, windowMs);
    if (decision !== undefined) free.delete(decision);
    joined.set(event, decision);
  }
  return joined;
}

/** What an event at this time follows from, among decisions in the order of their times. */
function choose<Asked extends AskedDecision>(inOrder: Iterable<Asked>, eventMs: number, windowMs: number): Asked | undefined {
  let lastBefore: Asked | undefined;
  let firstAfter: Asked | undefined;
  for (const decision of inOrder) {
    const { askMs, lapseMs } = decision;
    if (askMs < eventMs - windowMs) continue;
    if (askMs > eventMs + clockSlackMs) break;
    if (lapseMs !== null && lapseMs > eventMs) return decision;
    if (askMs <= eventMs) lastBefore = decision;
    else firstAfter ??= decision;
  }
  return lastBefore ?? firstAfter;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
