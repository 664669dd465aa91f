// Says in words what the patterns of the schema's field rules ask for.

const meanings: ReadonlyMap<string, string> = new Map([
  ["^[\\x20-\\x7E]*$", "must be printable ASCII characters"],
  ["^[^\\x00]*$", "must not have a NUL in it"],
  ["^[a-z][a-z0-9_]*$", "must be lower-case letters, digits and _, starting with a letter"],
  ["^[A-Za-z0-9][A-Za-z0-9._-]*$", "must be letters, digits, '.', '_' and '-', starting with a letter or digit"],
  ["^[0-9a-f]*$", "must be hexadecimal digits in lower case"],
  ["^([0-9a-f]{8,64})?$", "must be at least 8 hexadecimal digits in lower case, or empty"],
]);

/** A violation's message, with a pattern told in words where it has some: ``does not match regex pattern `…` `` says little to people. */
export function wordViolation(message: string): string {
  const pattern = /^does not match regex pattern `(.*)`$/s.exec(message)?.[1];
  return (pattern === undefined ? undefined : meanings.get(pattern)) ?? message;
}
