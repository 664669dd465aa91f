// Long reads on the main thread stop between their parts, so that others are answered meanwhile.

/** Resolves when the event loop has come round. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
