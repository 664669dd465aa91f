// Creations as rows of the table `creations`: what stands where in its key, and the values that cross to the writer thread.
import type { AskedCreation } from "./storage.ts";

/** What a row of `creations` is. It stands early in the key, so that an owner's allows are counted without meeting the denials. */
export const Standing = {
  /** An allow that takes room until it lapses. */
  roomy: 1,
  /** An allow that takes none, or none any more. */
  allowed: 2,
  denied: 3,
  /** A decision and the event that follows from it. */
  joined: 4,
  /** An event that follows from no decision. */
  bypassed: 5,
} as const;

export type Standing = (typeof Standing)[keyof typeof Standing];

/** A creation that was asked; `takesName` is empty when it takes none. */
export type AskedValues = [
  operator: string,
  owner: string,
  name: string,
  askMs: number,
  lapseMs: number | null,
  takesRoom: 0 | 1,
  takesName: string,
  followUpMs: number,
];

/** A creation that has happened; the name in its normal form is what may have been reserved. One that is late is never bypassed. */
export type HappenedValues = [
  operator: string,
  owner: string,
  name: string,
  normalizedName: string,
  accountId: string,
  eventMs: number,
  isLate: 0 | 1,
  followUpMs: number,
];

/** What the writer thread is sent of a creation that was asked. */
export function valuesOfAsked({
  operator,
  owner,
  name,
  askMs,
  lapseMs,
  takesRoom = false,
  takesName = "",
  followUpMs,
}: AskedCreation): AskedValues {
  return [operator, owner, name, askMs, lapseMs ?? null, takesRoom ? 1 : 0, takesName, followUpMs];
}
