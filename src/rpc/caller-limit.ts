// How often each caller may call, told apart by what was shown: an API key, the subject of a token, the bootstrap key.
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import type { Caller } from "./caller.ts";

/** How long a caller has to wait before it may call again, in milliseconds; 0: it may call now, and has. */
export type CallerLimit = (caller: Caller) => number;

/** Takes one from what fills up under a key; 0: it was there, otherwise the milliseconds until there is one. */
interface Buckets {
  take(key: string, perSecond: number): number;
}

/** Gives each caller `maxPerSecond`; undefined: as often as it likes. Who has shown nothing, because nothing is asked for, is never held up. */
export function createCallerLimit(maxPerSecond: number | undefined, buckets: Buckets): CallerLimit {
  if (maxPerSecond === undefined) return () => 0;
  return ({ kind, id }) => {
    if (kind === PrincipalKind.LOCAL || kind === PrincipalKind.PROCESS) return 0;
    return buckets.take(`${kind} ${id}`, maxPerSecond);
  };
}
