// What is said of a pattern, phrase or range that cannot be used.

/** A pattern cannot be used; the message says what is wrong with it and what to do, in words for the policy's or list's author. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}
