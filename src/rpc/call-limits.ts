// Ends a call for its caller when the deadline passes or the caller goes away, whatever the implementation is doing.
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** The longest time a Node timer can wait; a later deadline is never seen by a timer. */
const maxTimerMs = 2 ** 31 - 1;

/** What can end a call before its answer. */
interface CallLimits {
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** When the caller stops waiting, in milliseconds on the clock of `performance.now()`. */
  readonly deadlineMs: number | undefined;
}

/**
 * Runs one call inside its limits. Rejects with DEADLINE_EXCEEDED or CANCELLED as soon as a limit is reached; the run goes on unseen, and a
 * failure of it after that goes to `onLateError`. A call that is over before it begins is not run.
 */
export function runWithin<T>(limits: CallLimits, run: () => T | Promise<T>, onLateError: (error: unknown) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = reached(limits);
    if (over !== undefined) {
      reject(over);
      return;
    }
    const running = run();
    if (!(running instanceof Promise)) {
      resolve(running);
      return;
    }
    let ended = false;
    const stopWatching = watch(limits, (error) => {
      ended = true;
      reject(error);
    });
    running.then(
      (answer) => {
        stopWatching();
        resolve(answer);
      },
      (error) => {
        if (ended) {
          onLateError(error);
          return;
        }
        stopWatching();
        reject(error);
      },
    );
  });
}

/** Calls `onReached` once, with the error for the caller, when a limit is reached; never after the returned function was called. */
export function watch(limits: CallLimits, onReached: (error: GatehouseError) => void): () => void {
  const { signal, deadlineMs } = limits;
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  const end = (error: GatehouseError) => {
    stop();
    onReached(error);
  };
  const onAbort = () => end(abortError(signal?.reason));
  const remainingMs = deadlineMs === undefined ? Number.POSITIVE_INFINITY : deadlineMs - performance.now();
  if (remainingMs <= maxTimerMs) {
    timer = setTimeout(() => end(deadlineError()), remainingMs).unref();
  }
  signal?.addEventListener("abort", onAbort);
  return stop;
}

/** The error for the caller when a limit is reached already, otherwise undefined. */
export function reached({ signal, deadlineMs }: CallLimits): GatehouseError | undefined {
  if (signal?.aborted) return abortError(signal.reason);
  return deadlineMs !== undefined && deadlineMs <= performance.now() ? deadlineError() : undefined;
}

/** The error of a call whose caller went away. */
export function cancelledError(): GatehouseError {
  return new GatehouseError(ErrorReason.CANCELLED, "The caller went away before the answer.");
}

/** The error of a call that took longer than its caller would wait. */
function deadlineError(): GatehouseError {
  return new GatehouseError(
    ErrorReason.DEADLINE_EXCEEDED,
    "No answer in the time the caller gave. It may still have taken effect: repeat it with the same request_id to learn.",
  );
}

/** A door aborts its signal with a ConnectError that says when it was the deadline; any other abort is a caller that went away. */
function abortError(reason: unknown): GatehouseError {
  return reason instanceof ConnectError && reason.code === Code.DeadlineExceeded ? deadlineError() : cancelledError();
}
