// Why the store in PostgreSQL fails, in words for metrics and the log.

/** Why. Public: the label `cause` of a metric. */
export type FailureCause = "unreachable" | "slow" | "full" | "readonly" | "other";

/** What an operator is told of each. */
export const adviceByCause: Readonly<Record<FailureCause, string>> = {
  unreachable: "PostgreSQL cannot be reached, or has no connection left: look at the server, the network and its max_connections.",
  slow: "PostgreSQL does not answer in time: look at its load, its disk, and at who holds locks.",
  full: "PostgreSQL has no room left on its disk, or no memory: make room.",
  readonly: "PostgreSQL takes no writes, as a standby does: let GATEHOUSE_DATABASE name the primary.",
  other: "A statement could not be done; what came with it was.",
};

/** The cause that an error of the driver stands for. */
export function causeOfError(error: unknown): FailureCause {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  for (const [prefix, cause] of prefixes) if (code.startsWith(prefix)) return cause;
  if (/^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E")) return "other";
  // Without a code of the server's the connection is what failed; the driver has given up waiting, or the socket is gone.
  return error instanceof Error && error.message === "Query read timeout" ? "slow" : "unreachable";
}

const prefixes: readonly (readonly [string, FailureCause])[] = [
  ["08", "unreachable"],
  ["28", "unreachable"],
  ["3D", "unreachable"],
  ["533", "unreachable"],
  ["57P", "unreachable"],
  ["57014", "slow"],
  ["55P03", "slow"],
  ["25P03", "slow"],
  ["53", "full"],
  ["25006", "readonly"],
];
