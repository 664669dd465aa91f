// What the shadow policy said of decisions, in PostgreSQL.
import { decodeShadow, encodeShadow } from "../decision-codec.ts";
import { asAppended, type DecisionRow, decisionOf } from "../decision-rows.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import { createShadowCounter } from "../shadow-count.ts";
import type { Decisions, ShadowCounts } from "../storage.ts";
import type { Commits } from "./commits.ts";
import type { Reader } from "./connections.ts";
import { selectDecision } from "./decision-rows.ts";

interface CountedRow {
  seq: number;
  decide_time: number | null;
  verdict: number;
  policy_version: string | null;
  body: string;
  is_shadowed: boolean;
  shadow_body: string | null;
}

const selectCounted = `SELECT decisions.seq, decide_time, verdict, decisions.body,
    (SELECT version FROM policies WHERE policies.policy_id = decisions.policy_id) AS policy_version,
    shadow.seq IS NOT NULL AS is_shadowed, shadow.body AS shadow_body
  FROM decisions LEFT JOIN shadow_outcomes AS shadow
    ON shadow.seq = decisions.seq AND shadow.policy_id = (SELECT policy_id FROM policies WHERE version = ?)
  WHERE decisions.seq < ? ORDER BY decisions.seq DESC LIMIT ?`;

const maxChanged = 10_000;

/** How far the clocks of the machines that decided may differ: the log is in the order of commits, which is that of times but for this. */
const clockSlackMs = 600_000;

/** How many decisions are read at once: a few milliseconds of counting. */
const decisionsPerPart = 1000;

/** Creates this part of the log of decisions. */
export function createShadow(reader: Reader, commits: Commits): Pick<Decisions, "appendShadowOutcome" | "countShadow"> {
  /** From the latest to the earliest. */
  async function* walk(startMs: number, endMs: number, shadowVersion: string | undefined): AsyncGenerator<CountedRow> {
    let beforeSeq = Number.MAX_SAFE_INTEGER;
    while (true) {
      const rows = await reader.all<CountedRow>(selectCounted, shadowVersion ?? null, beforeSeq, decisionsPerPart);
      for (const row of rows) {
        const timeMs = row.decide_time;
        if (timeMs !== null && timeMs < startMs - clockSlackMs) return;
        if (timeMs !== null && timeMs >= startMs && timeMs < endMs) yield row;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < decisionsPerPart) return;
      beforeSeq = last.seq;
    }
  }

  return {
    async appendShadowOutcome({ decisionId, version, outcome }) {
      const seq = parseSequenceId("dec", decisionId);
      const body = outcome === undefined ? null : encodeShadow(outcome);
      await commits.commit(
        (rows) => {
          if (seq === undefined || rows.decision(seq) === undefined) return () => undefined;
          rows.addPolicy(version);
          rows.keepShadow({ seq, version, body });
          return () => undefined;
        },
        { isDecision: false, turn: "later", bytes: (body?.length ?? 0) + 100 },
      );
    },

    async countShadow({ startMs, endMs, shadowVersion }) {
      const counter = createShadowCounter(shadowVersion);
      const changed: ShadowCounts["changed"] = [];
      for await (const row of walk(startMs, endMs, shadowVersion)) {
        const shadow = row.is_shadowed ? { body: row.shadow_body } : undefined;
        const isChanged = counter.add({ verdict: row.verdict, policyVersion: row.policy_version, body: row.body, shadow });
        if (!isChanged || changed.length === maxChanged || row.shadow_body === null || shadowVersion === undefined) continue;
        const live = await reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, row.seq);
        if (live === undefined) continue;
        const outcome = decodeShadow({ policyVersion: shadowVersion, body: row.shadow_body });
        changed.push({ decisionId: formatSequenceId("dec", row.seq), live: decisionOf(asAppended(live)), shadow: outcome });
      }
      return { ...counter.result(), changed };
    },
  };
}
