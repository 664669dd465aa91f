// Lets only as many webhooks ask the service at a time as can be answered in time; before-webhooks, which Chat waits for, go first.

/** Who may ask. */
export interface Admission {
  /**
   * Admits one that arrived at a time and has to be answered at another, on the clock of `performance.now()`; it must `leave` when its call has
   * ended. Otherwise says why not.
   */
  enter(kind: "before" | "after", times: { arrivalMs: number; deadlineMs: number }): string | undefined;
  leave(): void;
  /** How many have entered and not left. */
  inFlight(): number;
  /** Whether there is time to spare for what nobody waits for. */
  isCalm(): boolean;
  /** Resolves when nobody is in. */
  empty(): Promise<void>;
}

/**
 * The part of its time that one may have waited before its turn came. Who has waited longer is not asked about any more: answering at once is what
 * makes the wait of the others shorter.
 */
const waitShare = 0.25;

/** How late the event loop may be for there to be time to spare, and which part of the room may be taken. */
const calmLagMs = 50;
const calmShare = 0.25;

/** The part of the room that after-webhooks may take: the rest is for before-webhooks alone. */
const afterShare = 0.5;

/** Creates the gate, for at most `maxInFlight` at a time. `lagMs` says how late the event loop is. */
export function createAdmission(maxInFlight: number, lagMs: () => number): Admission {
  let inFlight = 0;
  let onEmpty: (() => void)[] = [];
  const maxAfter = Math.ceil(maxInFlight * afterShare);
  const maxCalm = Math.ceil(maxInFlight * calmShare);
  return {
    enter(kind, { arrivalMs, deadlineMs }) {
      if (inFlight >= (kind === "before" ? maxInFlight : maxAfter)) return `${inFlight} webhooks are being answered already`;
      const waitedMs = performance.now() - arrivalMs;
      if (waitedMs > (deadlineMs - arrivalMs) * waitShare) return `its turn came ${Math.round(waitedMs)} ms after it had arrived`;
      inFlight++;
      return undefined;
    },
    leave() {
      inFlight--;
      if (inFlight > 0 || onEmpty.length === 0) return;
      const told = onEmpty;
      onEmpty = [];
      for (const tell of told) tell();
    },
    inFlight: () => inFlight,
    isCalm: () => inFlight < maxCalm && lagMs() <= calmLagMs,
    empty: () => (inFlight === 0 ? Promise.resolve() : new Promise((resolve) => onEmpty.push(resolve))),
  };
}
