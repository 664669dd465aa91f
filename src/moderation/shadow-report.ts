// Reports what the shadow policy, and rules in shadow mode, would have changed.
import { type Decision, type ShadowOutcome, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Decisions, Policies, ShadowCounts } from "../storage/storage.ts";
import { eachActivation } from "./policy-history.ts";

/** What would have changed. */
export interface ShadowReport {
  /** Undefined when no policy is on trial. */
  shadowVersion: string | undefined;
  counts: ShadowCounts;
  /** Verdicts that would have turned, the most frequent first. */
  verdictChanges: VerdictTurn[];
}

/** Verdicts that would have turned. */
export interface VerdictTurn {
  from: string;
  to: string;
  count: number;
}

/** Reports on `startMs` ≤ decide_time < `endMs`. Defaults: since the shadow policy was activated, or 24 hours ago without one; until now. */
export type ReportShadow = (range: { startMs: number | undefined; endMs: number | undefined }) => Promise<ShadowReport>;

const dayMs = 86_400_000;

export function createReportShadow({
  store,
  now,
}: {
  store: Pick<Policies, "getPointedPolicy" | "listActivations"> & Pick<Decisions, "countShadow">;
  now(): number;
}): ReportShadow {
  async function activatedMs(shadowVersion: string | undefined): Promise<number | undefined> {
    if (shadowVersion === undefined) return undefined;
    for await (const { pointer, timeMs } of eachActivation((page) => store.listActivations(page))) {
      if (pointer === "shadow") return timeMs;
    }
    return undefined;
  }

  return async (range) => {
    const shadowVersion = (await store.getPointedPolicy("shadow"))?.version;
    // Up to now means with what was decided in this very millisecond.
    const endMs = range.endMs ?? now() + 1;
    const startMs = range.startMs ?? (await activatedMs(shadowVersion)) ?? endMs - dayMs;
    if (startMs >= endMs) throw emptyRange(startMs, endMs);
    const counts = await store.countShadow({ startMs, endMs, shadowVersion });
    return { shadowVersion, counts, verdictChanges: countTurns(counts.changed) };
  };
}

function countTurns(changed: ShadowCounts["changed"]): VerdictTurn[] {
  const turns = new Map<string, VerdictTurn>();
  for (const { live, shadow } of changed) {
    const [from, to] = [describeVerdict(live), describeVerdict(shadow)];
    if (from === to) continue;
    const key = JSON.stringify([from, to]);
    const turn = turns.get(key) ?? { from, to, count: 0 };
    turn.count++;
    turns.set(key, turn);
  }
  return [...turns.values()].sort((a, b) => b.count - a.count);
}

function describeVerdict({ verdict, refused, rewrite }: Pick<Decision | ShadowOutcome, "verdict" | "refused" | "rewrite">): string {
  switch (verdict) {
    case Verdict.ALLOW:
      if (rewrite !== undefined) return "allow rewritten";
      return refused.length === 0 ? "allow" : "allow with refusals";
    case Verdict.DENY:
      return "deny";
    case Verdict.DISCARD:
      return "discard";
    default:
      return "(unknown to this version)";
  }
}

function emptyRange(startMs: number, endMs: number): GatehouseError {
  const description = `must be before the end of the time, and ${iso(startMs)} is not before ${iso(endMs)}`;
  return new GatehouseError(ErrorReason.INVALID_REQUEST, `The start_time ${description}.`, {
    fields: [{ field: "start_time", description }],
  });
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
