// The log: one JSON object a line on standard error.
import pino from "pino";

/** The levels that a log can be set to, from most to least. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

/** Writes the log. The object holds what the line is about, the text says what happened. */
export interface Logger {
  debug(about: object, text: string): void;
  info(about: object, text: string): void;
  warn(about: object, text: string): void;
  error(about: object, text: string): void;
}

/** A log at a level, on a stream. Secrets must not be handed to it. */
export function createLogger(level: LogLevel, destination: pino.DestinationStream = pino.destination({ dest: 2, sync: true })): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
}

/**
 * Lets the first of a burst through and counts the rest: the next line after `quietMs` says how many were left out. Each `key` has its own
 * bursts; keys must come from a bounded set.
 */
export function createBurstGate(quietMs: number, now: () => number): (key: string) => { leftOut: number } | undefined {
  const bursts = new Map<string, { untilMs: number; leftOut: number }>();
  return (key) => {
    const burst = bursts.get(key);
    if (burst !== undefined && now() < burst.untilMs) {
      burst.leftOut++;
      return undefined;
    }
    bursts.set(key, { untilMs: now() + quietMs, leftOut: 0 });
    return { leftOut: burst?.leftOut ?? 0 };
  };
}
