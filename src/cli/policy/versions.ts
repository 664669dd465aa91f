// How versions of the policy are named and shown.
import type { Client } from "@connectrpc/connect";
import { PolicyPointer, type PolicyService, type PolicyVersion } from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { UsageError } from "../command.ts";
import { enumWord, formatTime, orDash, safe } from "../text.ts";

/** Reads an argument that is a version or the first 8 digits of one or more. */
export function readVersion(argument: string): string {
  if (/^[0-9a-f]{8,64}$/.test(argument)) return argument;
  throw new UsageError(
    `a version is its first 8 to 64 hexadecimal digits, and "${argument}" is not. \`gatehouse policy list\` shows them.`,
  );
}

/** Reads an argument that is a version, `live` or `shadow`, as a request for it. */
export function readChoice(argument: string): { version: string } | { pointer: PolicyPointer } {
  if (argument === "live") return { pointer: PolicyPointer.LIVE };
  if (argument === "shadow") return { pointer: PolicyPointer.SHADOW };
  return { version: readVersion(argument) };
}

/** The version that a choice names; for `live` and `shadow`, the one that is pointed at now. */
export async function resolveVersion(
  client: Client<typeof PolicyService>,
  choice: { version: string } | { pointer: PolicyPointer },
): Promise<string> {
  if ("version" in choice) return choice.version;
  return (await client.getPolicy(choice)).policy?.version ?? "";
}

/** A version as people see it: its first 12 digits. */
export function shortVersion(version: string): string {
  return version === "" ? "-" : safe(version.slice(0, 12));
}

/** A version and its name on one line. */
export function describeVersion({ version, name, publishTime }: PolicyVersion): string {
  return `${shortVersion(version)} "${safe(name)}", published ${formatTime(publishTime)}`;
}

/** What points at a version, in words. */
export function describePointers(pointers: readonly PolicyPointer[]): string {
  return orDash(pointers.map((pointer) => enumWord(PolicyPointer, pointer)).join(", "));
}
