// `gatehouse policy publish`, `activate`, `rollback` and `shadow`: change the policy.
import { readFileSync } from "node:fs";
import { toJson } from "@bufbuild/protobuf";
import {
  CheckPolicyResponseSchema,
  PolicyPointer,
  PolicyService,
  type PolicyVersion,
  PolicyVersionSchema,
} from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { authorOptions, readAuthor } from "../author.ts";
import { serverOption, withClient } from "../client.ts";
import { CommandError, type Io, parseFlags, UsageError } from "../command.ts";
import { safe } from "../text.ts";
import { describeVersion, readVersion } from "./versions.ts";

const commonOptions = { ...serverOption, ...authorOptions, json: { type: "boolean" } } as const;

/** Publishes a file, unless it has mistakes: then it shows them all. */
export async function policyPublish(args: readonly string[], io: Io): Promise<number> {
  const options = { ...commonOptions, activate: { type: "boolean" }, shadow: { type: "boolean" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  const [path] = positionals;
  if (path === undefined || positionals.length > 1) throw new UsageError("policy publish needs exactly one file.");
  if (flags.activate && flags.shadow) throw new UsageError("--activate and --shadow are one or the other: live at once, or on trial.");
  const activate = flags.activate ? PolicyPointer.LIVE : flags.shadow ? PolicyPointer.SHADOW : PolicyPointer.UNSPECIFIED;
  const text = readText(path);
  return await withClient(PolicyService, flags, io, async (client) => {
    const checked = await client.checkPolicy({ text });
    if (checked.problems.length > 0) {
      if (flags.json) io.stdout.write(`${JSON.stringify(toJson(CheckPolicyResponseSchema, checked))}\n`);
      for (const { line, column, rule, message } of checked.problems) {
        const where = `${safe(path)}:${line}:${column}: ${rule === "" ? "" : `rule "${safe(rule)}": `}`;
        if (!flags.json) io.stdout.write(`${where}${message.split("\n").map(safe).join("\n")}\n`);
      }
      const count = checked.problems.length === 1 ? "1 problem" : `${checked.problems.length} problems`;
      io.stderr.write(`${count}; nothing was published.\n`);
      return 1;
    }
    const { policy } = await client.publishPolicy({ text, activate, ...readAuthorship(flags, io) });
    show("Published", policy, flags.json, io);
    return 0;
  });
}

/** Points live, or shadow, at a version. */
export async function policyActivate(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, shadow: { type: "boolean" } });
  const [version] = positionals;
  if (version === undefined || positionals.length > 1) throw new UsageError("policy activate needs exactly one version.");
  const pointer = flags.shadow ? PolicyPointer.SHADOW : PolicyPointer.LIVE;
  const request = { version: readVersion(version), pointer, ...readAuthorship(flags, io) };
  const { policy } = await withClient(PolicyService, flags, io, (client) => client.activatePolicy(request));
  show(flags.shadow ? "On trial" : "Live", policy, flags.json, io);
  return 0;
}

/** Points live at the version that was live before. */
export async function policyRollback(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  if (positionals.length > 0) {
    throw new UsageError(
      "policy rollback goes back to the version before and takes no arguments. For another one: policy activate <version>.",
    );
  }
  const { policy } = await withClient(PolicyService, flags, io, (client) => client.rollBackPolicy(readAuthorship(flags, io)));
  show("Live", policy, flags.json, io);
  return 0;
}

/** Points shadow at a version, or at none. */
export async function policyShadow(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const [version] = positionals;
  if (version === undefined || positionals.length > 1) throw new UsageError('policy shadow needs exactly one version, or "off".');
  if (version !== "off") return await policyActivate(["--shadow", ...args], io);
  await withClient(PolicyService, flags, io, (client) => client.clearShadowPolicy(readAuthorship(flags, io)));
  io.stdout.write(flags.json ? "{}\n" : "No policy is on trial.\n");
  return 0;
}

function readAuthorship(flags: { author?: string; reason?: string }, io: Io) {
  return { author: readAuthor(flags.author, io), reason: flags.reason ?? "" };
}

function show(what: string, policy: PolicyVersion | undefined, json: boolean | undefined, io: Io): void {
  if (policy === undefined) return;
  const now = policy.pointers.includes(PolicyPointer.LIVE) ? " It is live." : "";
  const trial = policy.pointers.includes(PolicyPointer.SHADOW) ? " It is on trial." : "";
  const line = `${what}: ${describeVersion(policy)}.${what === "Published" ? `${now}${trial}` : ""}`;
  io.stdout.write(json ? `${JSON.stringify(toJson(PolicyVersionSchema, policy))}\n` : `${line}\n`);
}

/** The text of a file, or of the standard input for `-`. */
function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === "-" ? 0 : path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    throw new CommandError(`cannot read ${path}: ${code === "ENOENT" ? "there is no such file" : String(error)}.`);
  }
  const text = bytes.toString("utf8");
  // A version is named by its bytes, so they must not change on the way.
  if (!Buffer.from(text).equals(bytes)) throw new CommandError(`${path} is not UTF-8. Convert it, for instance with iconv.`);
  return text;
}
