// Whether a value can stand on a list of a kind.
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { parseCidr } from "../text/cidr.ts";
import { compileGlob } from "../text/glob.ts";
import { checkPhrase } from "../text/phrase-matcher.ts";

/** What is wrong with a value for a list of this kind, as a sentence; undefined when nothing is. */
export function checkEntry(kind: ListKind, value: string): string | undefined {
  try {
    if (kind === ListKind.PATTERN) checkPhrase(value);
    if (kind === ListKind.GLOB) compileGlob(value);
    if (kind === ListKind.CIDR) parseCidr(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
