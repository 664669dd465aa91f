// The ids of decisions, events, cases, erasures and entries of the audit log: their sequence number in twelve hexadecimal digits, so that ids sort as the
// numbers do.

type Prefix = "dec" | "evt" | "case" | "era" | "aud";
/** The id of a sequence number. */
export function formatSequenceId(prefix: Prefix, seq: number): string {
  return `${prefix}-${seq.toString(16).padStart(12, "0")}`;
}

/** The sequence number of an id; undefined for a string that is no such id. */
export function parseSequenceId(prefix: Prefix, id: string): number | undefined {
  const digits = id.slice(prefix.length + 1);
  if (!id.startsWith(`${prefix}-`) || !/^[0-9a-f]{12}$/.test(digits)) return undefined;
  return Number.parseInt(digits, 16);
}

/** The number in an id that may be given: null when none is, 0 when it is no id of this kind. */
export function seqOfGivenId(prefix: "dec" | "evt", id: string | undefined): number | null {
  return id === undefined ? null : (parseSequenceId(prefix, id) ?? 0);
}
