// The key under which the sending of a text by an account is counted.
import { createHash } from "node:crypto";
import { normalize } from "../text/normalize.ts";

/** One key for every spelling of a text by one account; empty, which is never counted, for a text of which nothing can be seen. */
export function sameTextKey(accountId: string, text: string): string {
  const normal = normalize(text);
  if (normal === "") return "";
  return createHash("sha256")
    .update(JSON.stringify([accountId, normal]))
    .digest("hex");
}
