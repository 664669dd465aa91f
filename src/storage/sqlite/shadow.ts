// What the shadow policy said of decisions, in SQLite.

import { decodeShadow, encodeShadow } from "../decision-codec.ts";
import { asAppended, type DecisionRow, decisionOf } from "../decision-rows.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import { createShadowCounter } from "../shadow-count.ts";
import type { Decisions, ShadowCounts } from "../storage.ts";
import { selectDecision } from "./decision-rows.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

interface CountedRow {
  seq: number;
  decide_time: number | null;
  verdict: number;
  policy_version: string | null;
  body: string;
  is_shadowed: number;
  shadow_body: string | null;
}

const selectCounted = `SELECT decisions.seq, decide_time, verdict, decisions.body,
    (SELECT version FROM policies WHERE policies.policy_id = decisions.policy_id) AS policy_version,
    shadow.seq IS NOT NULL AS is_shadowed, shadow.body AS shadow_body
  FROM decisions LEFT JOIN shadow_outcomes AS shadow
    ON shadow.seq = decisions.seq AND shadow.policy_id = (SELECT policy_id FROM policies WHERE version = ?)
  WHERE decisions.seq < ? ORDER BY decisions.seq DESC LIMIT ?`;

const maxChanged = 10_000;

/**
 * How far a clock may have been set back between two decisions: the log is in the order of commits, which is that of times but for this. An index
 * by time would cost every decision about a tenth of its writing.
 */
const clockSlackMs = 600_000;

/** How many decisions are read at once, and how long they are counted at a stretch. */
const decisionsPerPart = 250;
const maxPartMs = 4;

/** Creates this part of the log of decisions over the two sides of the store. */
export function createShadow(reader: Reader, writer: Writer): Pick<Decisions, "appendShadowOutcome" | "countShadow"> {
  /** From the latest to the earliest, in parts between which others have their turn. */
  async function* walk(startMs: number, endMs: number, shadowVersion: string | undefined): AsyncGenerator<CountedRow> {
    let beforeSeq = Number.MAX_SAFE_INTEGER;
    let partBeginMs = performance.now();
    while (true) {
      const rows = reader.all<CountedRow>(selectCounted, shadowVersion ?? null, beforeSeq, decisionsPerPart);
      for (const row of rows) {
        const timeMs = row.decide_time;
        if (timeMs !== null && timeMs < startMs - clockSlackMs) return;
        if (timeMs !== null && timeMs >= startMs && timeMs < endMs) yield row;
        if (performance.now() - partBeginMs < maxPartMs) continue;
        await nextTurn();
        partBeginMs = performance.now();
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < decisionsPerPart) return;
      beforeSeq = last.seq;
    }
  }

  return {
    async appendShadowOutcome({ decisionId, version, outcome }) {
      reader.assertOpen();
      const seq = parseSequenceId("dec", decisionId);
      if (seq === undefined) return;
      await writer.write(["appendShadow", seq, version, outcome === undefined ? null : encodeShadow(outcome)]);
    },

    async countShadow({ startMs, endMs, shadowVersion }) {
      reader.assertOpen();
      const counter = createShadowCounter(shadowVersion);
      const changed: ShadowCounts["changed"] = [];
      for await (const row of walk(startMs, endMs, shadowVersion)) {
        const shadow = row.is_shadowed === 1 ? { body: row.shadow_body } : undefined;
        const isChanged = counter.add({ verdict: row.verdict, policyVersion: row.policy_version, body: row.body, shadow });
        if (!isChanged || changed.length === maxChanged || row.shadow_body === null || shadowVersion === undefined) continue;
        const live = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, row.seq);
        if (live === undefined) continue;
        const outcome = decodeShadow({ policyVersion: shadowVersion, body: row.shadow_body });
        changed.push({ decisionId: formatSequenceId("dec", row.seq), live: decisionOf(asAppended(live)), shadow: outcome });
      }
      return { ...counter.result(), changed };
    },
  };
}
