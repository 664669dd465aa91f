// What a deletion results in, packed into the one number that a write results in.
import type { DeletedOld } from "../storage.ts";

const maxMicroseconds = 2 ** 25 - 1;

export function packDeletedOld({ deleted, done, busyMs }: DeletedOld): number {
  const microseconds = Math.min(Math.round(busyMs * 1000), maxMicroseconds);
  return (deleted * (maxMicroseconds + 1) + microseconds) * 2 + Number(done);
}

export function unpackDeletedOld(packed: number): DeletedOld {
  const rest = Math.floor(packed / 2);
  return { deleted: Math.floor(rest / (maxMicroseconds + 1)), done: packed % 2 === 1, busyMs: (rest % (maxMicroseconds + 1)) / 1000 };
}
