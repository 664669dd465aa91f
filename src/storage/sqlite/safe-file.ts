// Puts a file in place so that a crash leaves the old one or the new one, whole.
import { closeSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";

/** Renames a file that is complete over another path, when its bytes are on disk, and sees to it that the new name is on disk too. */
export function putInPlace(from: string, to: string): void {
  syncPath(from);
  renameSync(from, to);
  syncPath(dirname(to));
}

/** Waits until a file's bytes, or a folder's names, are on disk. */
export function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
