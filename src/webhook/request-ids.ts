// Ids for the requests of a gateway, by which an answer that was lost is found again.

/**
 * Makes a function that gives another id each time. Ids of one gateway sort as they were given, to the millisecond across its restarts; `origin`
 * tells gateways, and starts of one, apart: some characters of printable ASCII that no other has. `now` gives milliseconds since 1970.
 */
export function createRequestIds(origin: string, now: () => number): () => string {
  let lastMs = 0;
  let count = 0;
  return () => {
    const nowMs = now();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      count = 0;
    }
    return `gw-${lastMs.toString(36).padStart(9, "0")}-${(count++).toString(36).padStart(5, "0")}-${origin}`;
  };
}
