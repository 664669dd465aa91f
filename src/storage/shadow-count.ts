// Counts what policies and rules on trial did, decision by decision.
import { RuleMode } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { ShadowCounts } from "./storage.ts";

/** A decision as it is counted; bodies are as the codec of decisions writes them. */
export interface CountedDecision {
  verdict: number;
  policyVersion: string | null;
  body: string;
  /** Undefined when the shadow policy was not asked. Its body is null when it said the same, matches included. */
  shadow: { body: string | null } | undefined;
}

/** Counts decisions. */
export interface ShadowCounter {
  /** True when the shadow policy had another verdict, code, set of refused or rewrite. */
  add(decision: CountedDecision): boolean;
  result(): Pick<ShadowCounts, "decisions" | "shadowed" | "rules">;
}

type RuleCounts = ShadowCounts["rules"][number];

/** What is read of the bodies. */
interface Body {
  verdict?: number;
  code?: number;
  refused?: { subscriber?: string }[];
  matches?: Match[];
  rewrite?: unknown;
}

interface Match {
  rule?: string;
  mode?: number;
  error?: string;
  skipped?: boolean;
}

/** Creates a counter for one shadow policy; undefined counts only rules in shadow mode of live ones. */
export function createShadowCounter(shadowVersion: string | undefined): ShadowCounter {
  const rules = new Map<string, Map<string, RuleCounts>>();
  let decisions = 0;
  let shadowed = 0;

  function countsOf(policyVersion: string, rule: string): RuleCounts {
    let ofPolicy = rules.get(policyVersion);
    if (ofPolicy === undefined) {
      ofPolicy = new Map();
      rules.set(policyVersion, ofPolicy);
    }
    let counts = ofPolicy.get(rule);
    if (counts === undefined) {
      counts = { policyVersion, rule, held: 0, heldAnew: 0, errors: 0 };
      ofPolicy.set(rule, counts);
    }
    return counts;
  }

  /** Counts each rule once, for however many subscribers it held. */
  function countRules(policyVersion: string, matches: readonly Match[], inForce: ReadonlySet<string>): void {
    const held = new Set(matches.filter((match) => !match.skipped).map(ruleOf));
    const failed = new Set(matches.filter((match) => match.error).map(ruleOf));
    for (const rule of held) {
      const counts = countsOf(policyVersion, rule);
      counts.held += 1;
      if (!inForce.has(rule)) counts.heldAnew += 1;
    }
    for (const rule of failed) countsOf(policyVersion, rule).errors += 1;
  }

  return {
    add({ verdict, policyVersion, body, shadow }) {
      decisions += 1;
      if (shadow !== undefined) shadowed += 1;
      // Most decisions have no matches, and the same outcome twice: they need not be read.
      const isSame = shadow === undefined || shadow.body === null;
      if (isSame && !body.includes('"matches":')) return false;
      const live = JSON.parse(body) as Body;
      const liveMatches = live.matches ?? [];
      const inForce = new Set(liveMatches.filter((match) => !isOnTrial(match) && !match.skipped).map(ruleOf));
      const isCountedBelow = shadow !== undefined && policyVersion === shadowVersion;
      if (!isCountedBelow) countRules(policyVersion ?? "", liveMatches.filter(isOnTrial), inForce);
      if (shadow === undefined || shadowVersion === undefined) return false;
      if (shadow.body === null) {
        countRules(shadowVersion, liveMatches, inForce);
        return false;
      }
      const other = JSON.parse(shadow.body) as Body;
      countRules(shadowVersion, other.matches ?? [], inForce);
      return (
        verdict !== (other.verdict ?? 0) ||
        (live.code ?? 0) !== (other.code ?? 0) ||
        !isSameSet(refusedOf(live), refusedOf(other)) ||
        JSON.stringify(live.rewrite) !== JSON.stringify(other.rewrite)
      );
    },
    result: () => ({ decisions, shadowed, rules: [...rules.values()].flatMap((ofPolicy) => [...ofPolicy.values()]) }),
  };
}

function ruleOf({ rule }: Match): string {
  return rule ?? "";
}

function isOnTrial({ mode }: Match): boolean {
  return mode === RuleMode.SHADOW;
}

function refusedOf({ refused }: Body): Set<string> {
  return new Set(refused?.map(({ subscriber }) => subscriber ?? ""));
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}
