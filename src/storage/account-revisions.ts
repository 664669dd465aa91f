// How changes make revisions: what each one does to what was said before it, in the order of their stamps.
import type { AccountFields, AccountRecord } from "./account-merge.ts";

/** What has been said of an account's fields up to some moment; a field that nothing has written is not there. */
export type SaidFields = Partial<AccountFields>;

/** The fields in the order of the message Account. */
export const accountFields = [
  "owner",
  "name",
  "introduction",
  "faceUrl",
  "organization",
  "state",
] as const satisfies readonly (keyof AccountFields)[];

/** The fields that a change gives another value than they had; a text that nothing has written is as good as an empty one. */
export function changedFields(before: SaidFields, writes: SaidFields): (keyof AccountFields)[] {
  return accountFields.filter((field) => writes[field] !== undefined && (before[field] ?? "") !== writes[field]);
}

/** How many revisions the changes make, which must come in the order of their stamps. */
export function countRevisions(changes: Iterable<SaidFields>): number {
  let said: SaidFields = {};
  let revisions = 0;
  for (const writes of changes) {
    revisions = nextRevision(revisions, said, writes);
    said = { ...said, ...writes };
  }
  return revisions;
}

/** The number of the current revision after a change that is the latest of all: the first one makes a revision whatever it says. */
export function nextRevision(revision: number, before: SaidFields, writes: SaidFields): number {
  return revision === 0 || changedFields(before, writes).length > 0 ? revision + 1 : revision;
}

/** What the changes that made the record have said. */
export function saidFields(record: AccountRecord | undefined): SaidFields {
  if (record === undefined) return {};
  const { state, ...texts } = record.fields;
  return record.stamps.state === undefined ? texts : record.fields;
}
