// Who edits, for the record.
import { userInfo } from "node:os";
import type { Io } from "./command.ts";

/** The flags of every command that leaves a trace of who did it and why. */
export const authorOptions = { author: { type: "string" }, reason: { type: "string" } } as const;

/** The author that a flag names, or the user of the operating system; empty when that has no name. */
export function readAuthor(flag: string | undefined, io: Io): string {
  return flag ?? systemUser() ?? io.env.USER ?? io.env.USERNAME ?? "";
}

function systemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // The user has a number and no name, as in many containers.
    return undefined;
  }
}
