// Lets a command that runs until it is told to stop end in order.

/** A signal that is aborted at the first SIGINT or SIGTERM; the second ends the process at once. */
export function onInterrupt(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => {
    stopListening();
    controller.abort();
  };
  const stopListening = () => {
    process.off("SIGINT", abort);
    process.off("SIGTERM", abort);
  };
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  return { signal: controller.signal, [Symbol.dispose]: stopListening };
}
