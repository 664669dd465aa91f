// The rows of creations, and of cases about what followed, in one batch.
import { Standing } from "../creation-rows.ts";
import type { CaseSubject, CreationKey, CreationRow, CreationRows, FollowUpCases } from "../creations.ts";
import type { Asking } from "./asking.ts";
import { createKeyedRows } from "./keyed-rows.ts";
import type { WorkingFollowUps } from "./working-follow-ups.ts";

/** What this needs of the rows of the batch. */
export interface CreationDeps {
  add(table: string, row: unknown): void;
  nextSeq(): number;
  followUps: Pick<WorkingFollowUps, "note" | "forget" | "noteOfEvent">;
  decisionId(seq: number): string;
}

/** The rows that creations are joined over, and the cases that come of it. */
export interface WorkingCreations {
  creationRows: CreationRows;
  followUpCases: FollowUpCases;
  /** What is written of them. */
  rows(): Record<string, unknown[]>;
}

/** The rows of one key: those that were read, but for those that are removed, and those that are added. */
interface Group {
  key: CreationKey;
  removed: Map<string, CreationRow>;
  added: Map<string, CreationRow>;
}

/** A case of the batch as its row will be. */
interface CaseRow {
  seq: number;
  app_id: number;
  kind: number;
  decision_seq: number | null;
  event_seq: number | null;
  account_id: string | null;
  user: string | null;
  open_time: number;
  close_time: number | null;
  closed_by: string | null;
  close_reason: string | null;
}

type CreationColumns = [Standing, number, number | null, number | null, number | null, number | null, string | null];

/** Who closes a case that has proved wrong. */
const self = "gatehouse";

/** Creates the rows, over what was read. */
export function createWorkingCreations(asking: Asking, { add, nextSeq, followUps, decisionId }: CreationDeps): WorkingCreations {
  const groups = createKeyedRows<Group>();
  const cases: CaseRow[] = [];
  const closed = new Set<number>();
  const openCounts = new Map<number, number>();

  const partsOf = ({ appId, owner, name, operator }: CreationKey) => [appId, owner, name, operator] as const;
  const placeOf = ({ standing, seq }: Pick<CreationRow, "standing" | "seq">) => `${standing} ${seq}`;

  function groupOf(key: CreationKey): Group {
    const known = groups.get(...partsOf(key));
    if (known !== undefined) return known;
    const group = { key, removed: new Map(), added: new Map() };
    groups.set(group, ...partsOf(key));
    return group;
  }

  function readRows(key: CreationKey): CreationRow[] {
    const answer = (asking.ask("creations", ...partsOf(key)) as CreationColumns[] | null | undefined) ?? [];
    return answer.map(([standing, seq, ask_time, lapse_time, event_seq, event_time, account_id]) => {
      return { standing, seq, ask_time, lapse_time, event_seq, event_time, account_id };
    });
  }

  function rowsOf(key: CreationKey): CreationRow[] {
    const group = groups.get(...partsOf(key));
    const read = readRows(key);
    if (group === undefined) return read;
    return [...read.filter((row) => !group.removed.has(placeOf(row))), ...group.added.values()];
  }

  const hasEvent = ({ standing }: CreationRow) => standing === Standing.joined || standing === Standing.bypassed;

  const creationRows: CreationRows = {
    rowsOf,
    hasEvents(key) {
      const group = groups.get(...partsOf(key));
      if (group?.added.values().some(hasEvent)) return true;
      return asking.ask("hasEvents", ...partsOf(key)) === true;
    },
    insert(key, row) {
      groupOf(key).added.set(placeOf(row), row);
    },
    remove(key, standing, seq) {
      const group = groupOf(key);
      const place = placeOf({ standing, seq });
      const row = group.added.get(place);
      if (row !== undefined) group.added.delete(place);
      else
        group.removed.set(place, { standing, seq, ask_time: null, lapse_time: null, event_seq: null, event_time: null, account_id: null });
    },
    reserveName(appId, normalizedName, lapseMs, seq) {
      reserved.push({ app_id: appId, normalized_name: normalizedName, lapse_time: lapseMs, seq });
    },
    releaseName(appId, normalizedName, lapseMs, seq) {
      const index = reserved.findIndex((name) => name.seq === seq);
      if (index >= 0) reserved.splice(index, 1);
      else add("releasedNames", { app_id: appId, normalized_name: normalizedName, lapse_time: lapseMs, seq });
    },
    note: (decisionSeq, followUp, eventSeq, nowMs) => followUps.note(decisionSeq, [followUp, eventSeq, nowMs, null, null, null]),
    forget: followUps.forget,
    noteOfEvent: (eventSeq, followUp, decisionSeq) =>
      followUps.noteOfEvent(eventSeq, { follow_up: followUp, decision_seq: decisionSeq, follow_up_parts: null }),
    decisionId,
  };
  const reserved: { app_id: number; normalized_name: string; lapse_time: number; seq: number }[] = [];

  function countOpen(kind: number, more: number): void {
    openCounts.set(kind, (openCounts.get(kind) ?? 0) + more);
  }

  const followUpCases: FollowUpCases = {
    open({ appId, kind, decisionSeq, eventSeq, accountId, user }: CaseSubject, nowMs) {
      const seq = nextSeq();
      const place = { seq, app_id: appId, kind, decision_seq: decisionSeq, event_seq: eventSeq, account_id: accountId, user };
      cases.push({ ...place, open_time: nowMs, close_time: null, closed_by: null, close_reason: null });
      countOpen(kind, 1);
      return seq;
    },
    closeOfEvent(kind, eventSeq, reason, nowMs) {
      const end = { close_time: nowMs, closed_by: self, close_reason: reason };
      const read = (asking.ask("openCasesOfEvent", eventSeq, kind) as [number, number, string | null][] | null | undefined) ?? [];
      for (const [caseSeq, app_id, account_id] of read) {
        if (closed.has(caseSeq)) continue;
        closed.add(caseSeq);
        add("caseClosings", { seq: nextSeq(), case_seq: caseSeq, app_id, account_id, ...end });
        countOpen(kind, -1);
      }
      for (const opened of cases) {
        if (opened.event_seq !== eventSeq || opened.kind !== kind || opened.close_time !== null) continue;
        Object.assign(opened, end);
        add("caseClosings", { seq: nextSeq(), case_seq: opened.seq, app_id: opened.app_id, account_id: opened.account_id, ...end });
        countOpen(kind, -1);
      }
    },
  };

  return {
    creationRows,
    followUpCases,
    rows() {
      const of = ({ key: { appId, owner, name, operator } }: Group) => ({ app_id: appId, owner, name, operator });
      const all = groups.values();
      return {
        removedCreations: all.flatMap((group) => [...group.removed.values()].map((row) => ({ ...of(group), ...row }))),
        creations: all.flatMap((group) => [...group.added.values()].map((row) => ({ ...of(group), ...row }))),
        reservedNames: reserved,
        cases,
        openCaseCounts: [...openCounts].map(([kind, more]) => ({ kind, more })),
      };
    },
  };
}
