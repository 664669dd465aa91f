// Passes webhooks on to other backends: those that are none of ours are forwarded, and copies of any are tapped.
import { compileGlob } from "../text/glob.ts";
import { type Backend, type BackendAnswer, type BackendOptions, createBackend, type RawWebhook } from "./backend.ts";

/** A forward or a tap. */
export interface PassOnRoute extends BackendOptions {
  /** A glob over commands, such as `Group.*`. */
  commands: string;
}

/** A forward. */
export interface ForwardRoute extends PassOnRoute {
  /** What a before-webhook is answered when the backend does not answer. */
  fallback: "allow" | "deny";
}

/** How one webhook was passed on, for counting. */
export interface PassOnReport {
  kind: "forward" | "tap";
  /** The route's glob. */
  commands: string;
  /** `answered`, or the cause of the failure. */
  outcome: "answered" | Extract<BackendAnswer, { kind: "failed" }>["cause"];
  durationMs: number;
  /** What went wrong; undefined when nothing did. */
  problem: string | undefined;
}

/** Passes webhooks on. */
export interface PassOn {
  /** The forward for a command; undefined when there is none. The first route that fits counts. */
  forwardOf(command: string): Forward | undefined;
  /** Sends copies to every tap that fits; nothing waits for them. */
  tap(command: string, webhook: RawWebhook): void;
  /** Whether any tap fits, so that a copy must be kept. */
  isTapped(command: string): boolean;
  close(): void;
}

/** A forward to one backend. */
export interface Forward {
  fallback: "allow" | "deny";
  /** Never rejects. */
  send(webhook: RawWebhook): Promise<BackendAnswer>;
}

/** What passing on needs. */
export interface PassOnDeps {
  forwards: readonly ForwardRoute[];
  taps: readonly PassOnRoute[];
  onPassedOn(report: PassOnReport): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** How many commands' routes are remembered: more than Chat has; a command is what a request says it is. */
const maxRemembered = 1000;

export function createPassOn({ forwards, taps, onPassedOn, now }: PassOnDeps): PassOn {
  const backends: Backend[] = [];
  const open = (kind: PassOnReport["kind"], route: PassOnRoute) => {
    const backend = createBackend(route, now);
    backends.push(backend);
    const matches = compileGlob(route.commands);
    const send = async (webhook: RawWebhook) => {
      const startMs = performance.now();
      const answer = await backend.send(webhook);
      onPassedOn({
        kind,
        commands: route.commands,
        outcome: answer.kind === "answered" ? "answered" : answer.cause,
        durationMs: performance.now() - startMs,
        problem: answer.kind === "answered" ? undefined : `${route.url.origin}: ${answer.message}`,
      });
      return answer;
    };
    return { matches, send };
  };
  const forwarding = forwards.map((route) => ({ ...open("forward", route), fallback: route.fallback }));
  const tapping = taps.map((route) => open("tap", route));
  const tapsOf = remember((command) => tapping.filter(({ matches }) => matches(command)));

  return {
    forwardOf: remember((command) => forwarding.find(({ matches }) => matches(command))),
    isTapped: (command) => tapping.length > 0 && tapsOf(command).length > 0,
    tap(command, webhook) {
      for (const { send } of tapsOf(command)) void send(webhook);
    },
    close() {
      for (const backend of backends) backend.close();
    },
  };
}

function remember<T>(find: (command: string) => T): (command: string) => T {
  const found = new Map<string, T>();
  return (command) => {
    const known = found.get(command);
    if (known !== undefined || found.has(command)) return known as T;
    const result = find(command);
    if (found.size < maxRemembered) found.set(command, result);
    return result;
  };
}
