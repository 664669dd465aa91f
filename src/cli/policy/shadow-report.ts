// `gatehouse policy shadow-report`: shows what is on trial would have changed.
import { toJson } from "@bufbuild/protobuf";
import { PolicyService, type ReportShadowResponse, ReportShadowResponseSchema } from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { serverOption, withClient } from "../client.ts";
import { type Io, parseFlags, UsageError } from "../command.ts";
import { formatCount } from "../progress.ts";
import { fields, safe, table } from "../text.ts";
import { readTimeAgo } from "../time-flags.ts";
import { shortVersion } from "./versions.ts";

/** Shows what the shadow policy, and rules in shadow mode, would have changed. */
export async function policyShadowReport(args: readonly string[], io: Io): Promise<number> {
  const options = { ...serverOption, since: { type: "string" }, until: { type: "string" }, json: { type: "boolean" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  if (positionals.length > 0) throw new UsageError(`policy shadow-report takes no arguments, but got "${positionals.join(" ")}".`);
  const request = {
    ...(flags.since !== undefined && { startTime: readTimeAgo("--since", flags.since, io.now()) }),
    ...(flags.until !== undefined && { endTime: readTimeAgo("--until", flags.until, io.now()) }),
  };
  // Counting goes through every decision of the time.
  const report = await withClient(PolicyService, flags, io, (client) => client.reportShadow(request, { timeoutMs: 0 }));
  io.stdout.write(flags.json ? `${JSON.stringify(toJson(ReportShadowResponseSchema, report))}\n` : describe(report));
  return 0;
}

function describe(report: ReportShadowResponse): string {
  const { decisionCount, shadowCount, changedCount, verdictChanges, rules, exampleDecisionIds } = report;
  const head = fields([
    ["shadow policy", report.shadowVersion === "" ? "none" : shortVersion(report.shadowVersion)],
    ["decisions", count(decisionCount)],
    ["asked of it", `${count(shadowCount)}${share(shadowCount, decisionCount, "of the decisions")}`],
    ["other outcome", `${count(changedCount)}${share(changedCount, shadowCount, "of those")}`],
  ]);
  const turned = verdictChanges.map(({ from, to, count: times }) => [safe(from), safe(to), count(times)]);
  const asked = rules.map(({ rule, policyVersion, heldCount, newCount, errorCount }) => [
    safe(rule),
    shortVersion(policyVersion),
    count(heldCount),
    count(newCount),
    count(errorCount),
  ]);
  return [
    head,
    ...(turned.length === 0 ? [] : [table(["WAS", "WOULD BE", "DECISIONS"], turned)]),
    asked.length === 0 ? "No rule on trial held.\n" : table(["RULE ON TRIAL", "POLICY", "HELD", "NEW", "ERRORS"], asked),
    ...(exampleDecisionIds.length === 0 ? [] : [`Such as:\n${exampleDecisionIds.map((id) => `  ${safe(id)}\n`).join("")}`]),
  ].join("\n");
}

function count(number: bigint): string {
  return formatCount(Number(number));
}

function share(part: bigint, whole: bigint, of: string): string {
  return whole === 0n ? "" : ` (${((100 * Number(part)) / Number(whole)).toFixed(1)} % ${of})`;
}
