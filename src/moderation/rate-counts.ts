// Under which keys a decision counts, for the windows that rules ask rate() about.
import type { CompiledPolicy } from "../policy/compile.ts";
import type { Question } from "../policy/evaluate.ts";
import { type SubjectCase, type SubjectSpec, subjectSpecs } from "../policy/vocabulary.ts";
import type { NewDecision } from "../storage/storage.ts";

/** One entry for each window that one of the policies asks about this action, and each user, account and address in the question. */
export function rateCounts({ appId, origin, subject }: Question, policies: readonly (CompiledPolicy | undefined)[]): NewDecision["counts"] {
  const spec = subjectSpecs[subject.case] as SubjectSpec<SubjectCase>;
  const windows = new Set<number>();
  for (const policy of policies) {
    for (const { action, windowMs } of policy?.rates ?? []) if (action === spec.name) windows.add(windowMs);
  }
  if (windows.size === 0) return [];
  const keys = new Set([...spec.identities(subject.value as never), origin?.clientIp ?? ""]);
  keys.delete("");
  return [...windows].flatMap((windowMs) => [...keys].map((key) => ({ counter: { appId, action: spec.name, windowMs }, key })));
}
