// `gatehouse policy list`, `history`, `show` and `diff`: read the versions of the policy.
import { toJson } from "@bufbuild/protobuf";
import {
  ActivationSchema,
  DiffPoliciesResponseSchema,
  PolicyPointer,
  PolicyService,
  PolicyVersionSchema,
  RuleChange,
  type RuleDifference,
} from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { mentionRest, readPages, serverOption, withClient } from "../client.ts";
import { type Io, parseFlags, readInteger, UsageError } from "../command.ts";
import { enumWord, formatTime, orDash, safe, table } from "../text.ts";
import { describePointers, readChoice, resolveVersion, shortVersion } from "./versions.ts";

/** How many versions or activations are shown unless a flag says otherwise. */
export const defaultLimit = "50";

const commonOptions = { ...serverOption, json: { type: "boolean" } } as const;
const pageOptions = { limit: { type: "string" }, "page-token": { type: "string" } } as const;

/** Shows the versions, the latest published first. */
export async function policyList(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...pageOptions });
  if (positionals.length > 0) throw new UsageError(`policy list takes no arguments, but got "${positionals.join(" ")}".`);
  const { items, nextPageToken } = await withClient(PolicyService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listPolicies(page);
      return { items: response.policies, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const policy of items) io.stdout.write(`${JSON.stringify(toJson(PolicyVersionSchema, policy))}\n`);
  else if (items.length === 0) io.stdout.write("No policies. `gatehouse policy publish` adds one.\n");
  else {
    const rows = items.map(({ version, name, pointers, publishTime, author, reason }) => [
      shortVersion(version),
      describePointers(pointers),
      orDash(name),
      formatTime(publishTime),
      orDash(author),
      orDash(reason),
    ]);
    io.stdout.write(table(["VERSION", "IS", "NAME", "PUBLISHED", "AUTHOR", "REASON"], rows));
  }
  mentionRest(nextPageToken, io);
  return 0;
}

/** Shows where the pointers have pointed, the latest first. */
export async function policyHistory(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...pageOptions });
  if (positionals.length > 0) throw new UsageError(`policy history takes no arguments, but got "${positionals.join(" ")}".`);
  const { items, nextPageToken } = await withClient(PolicyService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listActivations(page);
      return { items: response.activations, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const activation of items) io.stdout.write(`${JSON.stringify(toJson(ActivationSchema, activation))}\n`);
  else if (items.length === 0) io.stdout.write("No policy was activated yet.\n");
  else {
    const rows = items.map(({ activateTime, pointer, version, author, reason }) => [
      formatTime(activateTime),
      enumWord(PolicyPointer, pointer),
      version === "" ? "(none)" : shortVersion(version),
      orDash(author),
      orDash(reason),
    ]);
    io.stdout.write(table(["TIME", "POINTER", "VERSION", "AUTHOR", "REASON"], rows));
  }
  mentionRest(nextPageToken, io);
  return 0;
}

/** Writes the text of a version as it was published. */
export async function policyShow(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const [which = "live"] = positionals;
  if (positionals.length > 1) throw new UsageError("policy show takes one version, live or shadow.");
  const choice = readChoice(which);
  const { policy } = await withClient(PolicyService, flags, io, (client) => client.getPolicy(choice));
  if (policy === undefined) return 1;
  io.stdout.write(flags.json ? `${JSON.stringify(toJson(PolicyVersionSchema, policy))}\n` : policy.text);
  return 0;
}

/** Shows how two versions differ: from live to shadow, from live to the one that is given, or from the first to the second. */
export async function policyDiff(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  if (positionals.length > 2) throw new UsageError("policy diff takes at most two versions.");
  const [from = "live", to = "shadow"] = positionals.length === 1 ? ["live", ...positionals] : positionals;
  const [before, after] = [readChoice(from), readChoice(to)];
  const difference = await withClient(PolicyService, flags, io, async (client) => {
    const fromVersion = await resolveVersion(client, before);
    return client.diffPolicies({ fromVersion, toVersion: await resolveVersion(client, after) });
  });
  if (flags.json) {
    io.stdout.write(`${JSON.stringify(toJson(DiffPoliciesResponseSchema, difference))}\n`);
  } else if (difference.textDiff === "") {
    io.stdout.write("The two are the same.\n");
  } else {
    const rules = difference.rules.length === 0 ? "No rule differs.\n" : difference.rules.map(describeDifference).join("");
    io.stdout.write(`${rules}\n${difference.textDiff.split("\n").map(safe).join("\n")}`);
  }
  return 0;
}

function describeDifference({ rule, change, keys }: RuleDifference): string {
  return `${enumWord(RuleChange, change).padEnd(7)}  ${safe(rule)}${keys.length === 0 ? "" : `: ${safe(keys.join(", "))}`}\n`;
}

function readWindow(flags: { limit?: string; "page-token"?: string }) {
  return { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
}
