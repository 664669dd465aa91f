// Edits and reads the lists that rules ask.
import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { type List, type ListEdit, type ListEntry, ListEntrySchema, ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { type FieldProblem, GatehouseError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import type { EntryFilter, ListEdited, Lists, Page, PageRequest } from "../storage/storage.ts";
import { toWholeMs } from "./times.ts";

/** What lists need. */
export interface ListDeps {
  store: Lists;
  /** What is wrong with a value for a list of this kind, as a sentence; undefined when nothing is. */
  checkEntry(kind: ListKind, value: string): string | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The lists; every method about one list throws LIST_NOT_FOUND for a list that no policy has named. */
export interface ListUseCases {
  /** Adds entries and tells how many values were new. `author` stands for an entry that has none. Throws INVALID_ENTRY and adds nothing. */
  add(list: string, entries: readonly ListEntry[], author: string): Promise<number>;
  /** Removes values and tells how many were there. */
  remove(list: string, values: readonly string[], by: { author: string; reason: string }): Promise<number>;
  entries(list: string, filter: EntryFilter, page: PageRequest): Promise<Page<ListEntry>>;
  /** What was done to a list, or to one value of it, the latest first. */
  edits(list: string, value: string | undefined, page: PageRequest): Promise<Page<ListEdit>>;
  /** All lists, by name. */
  lists(): Promise<List[]>;
  /**
   * Adds parts one after another, each on disk before the next is asked for. Throws INVALID_ENTRY for the first part with an entry that does not
   * fit, counting entries from the beginning of the import, and INVALID_REQUEST when a part names another list; the parts before it stay.
   */
  import(parts: AsyncIterable<ImportPart>): Promise<{ received: number; added: number }>;
  /** All entries by value, 1000 at a time. */
  export(list: string): AsyncIterable<ListEntry[]>;
}

/** A part of an import. */
export interface ImportPart {
  list: string;
  entries: readonly ListEntry[];
  /** Stands for an entry that has none. */
  author: string;
}

const exportPageSize = 1000;

/** The end of the year 9999, the last that a timestamp can name. */
const lastMs = 253_402_300_799_999;

export function createLists({ store, checkEntry, now }: ListDeps): ListUseCases {
  // A list keeps its kind for ever.
  const kinds = new Map<string, ListKind>();

  async function kindOf(list: string): Promise<ListKind> {
    const known = kinds.get(list);
    if (known !== undefined) return known;
    for (const { list: name, kind } of await store.listLists()) kinds.set(name, kind || ListKind.EXACT);
    return kinds.get(list) ?? fail(await notFound(list));
  }

  async function notFound(list: string): Promise<GatehouseError> {
    const known = (await store.listLists()).map((existing) => existing.list);
    const hint = didYouMean(list, known) || (known.length === 0 ? " There are none yet." : ` There are: ${known.join(", ")}.`);
    return new GatehouseError(
      ErrorReason.LIST_NOT_FOUND,
      `There is no list "${list}".${hint} Lists are made by naming them under "lists" in the policy.`,
      { metadata: { list, known: known.join(",") } },
    );
  }

  async function found<T>(list: string, read: Promise<T | undefined>): Promise<T> {
    return (await read) ?? fail(await notFound(list));
  }

  async function countOf(list: string, edit: Promise<ListEdited>): Promise<number> {
    const edited = await edit;
    return edited.kind === "edited" ? edited.count : fail(await notFound(list));
  }

  /** Adds entries; the first of them is number `start` of those that belong together, from 0. */
  async function add({ list, entries, author }: ImportPart, start: number): Promise<number> {
    const kind = await kindOf(list);
    const nowMs = now();
    const problems = entries.flatMap((entry, index) => problemsOf(entry, `entries[${start + index}]`, kind, nowMs));
    if (problems.length > 0) throw invalidEntries(list, problems);
    const createTime = timestampFromMs(nowMs);
    const stamped = entries.map((entry) => stamp(entry, author, createTime));
    return await countOf(list, store.addEntries(list, stamped));
  }

  function problemsOf(entry: ListEntry, path: string, kind: ListKind, nowMs: number): FieldProblem[] {
    const misfit = checkEntry(kind, entry.value);
    if (misfit !== undefined) return [{ field: `${path}.value`, description: misfit }];
    const expiry = entry.expireTime && problemOfExpiry(entry.expireTime, nowMs);
    return expiry === undefined ? [] : [{ field: `${path}.expire_time`, description: expiry }];
  }

  return {
    add: (list, entries, author) => add({ list, entries, author }, 0),
    remove: (list, values, by) => countOf(list, store.removeEntries(list, values, { ...by, timeMs: now() })),
    entries: (list, filter, page) => found(list, store.listEntries(list, filter, page)),
    edits: (list, value, page) => found(list, store.listEdits(list, value, page)),
    lists: () => store.listLists(),

    async import(parts) {
      let list: string | undefined;
      let received = 0;
      let added = 0;
      for await (const part of parts) {
        list ??= part.list;
        if (part.list !== list) throw otherList(list, part.list);
        added += await add(part, received);
        received += part.entries.length;
      }
      return { received, added };
    },

    async *export(list) {
      let after: string | undefined;
      do {
        const request: PageRequest = after === undefined ? { size: exportPageSize } : { size: exportPageSize, after };
        const page = await found(list, store.listEntries(list, {}, request));
        if (page.items.length > 0) yield page.items;
        after = page.next;
      } while (after !== undefined);
    },
  };
}

function stamp({ value, reason, author, source, expireTime }: ListEntry, requestAuthor: string, createTime: Timestamp): ListEntry {
  const entry = create(ListEntrySchema, { value, reason, author: author || requestAuthor, source, createTime });
  const expiry = toWholeMs(expireTime);
  if (expiry !== undefined) entry.expireTime = expiry;
  return entry;
}

function problemOfExpiry(expireTime: Timestamp, nowMs: number): string | undefined {
  const expireMs = timestampMs(expireTime);
  if (expireMs > lastMs) return "is after the year 9999; leave it out for an entry that never expires";
  if (expireMs > nowMs) return undefined;
  const shown = expireMs < -lastMs ? `${expireTime.seconds} s` : new Date(expireMs).toISOString();
  return `is in the past (${shown}); leave it out for an entry that never expires, or give a later time`;
}

function invalidEntries(list: string, problems: readonly FieldProblem[]): GatehouseError {
  const first = problems[0] === undefined ? "" : `${problems[0].field}: ${problems[0].description}`;
  const count = problems.length === 1 ? "1 entry does" : `${problems.length} entries do`;
  const message = `${count} not fit the list "${list}", and nothing of this request was added. ${problems.length === 1 ? "It is" : "The first is"} ${first}`;
  return new GatehouseError(ErrorReason.INVALID_ENTRY, message, { metadata: { list }, fields: problems });
}

function otherList(list: string, other: string): GatehouseError {
  return new GatehouseError(
    ErrorReason.INVALID_REQUEST,
    `An import is for one list: it began with "${list}" and went on with "${other}". Import into each list with a call of its own.`,
    { fields: [{ field: "list", description: `must be "${list}", as in the messages before` }] },
  );
}

function fail(error: GatehouseError): never {
  throw error;
}
