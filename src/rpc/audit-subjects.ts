// What each audited method acts on, and what that is at a moment: what the audit log keeps as before and after.
import { createHash } from "node:crypto";
import { type DescMessage, type DescMethod, type JsonValue, type Message, type MessageShape, toJson } from "@bufbuild/protobuf";
import { CaseSchema, CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { ErasureSchema, ErasureService } from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import { KeySchema, KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ListEntrySchema, ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { readPolicyPointers } from "../moderation/policy-pointers.ts";
import type { Cases, Keys, Lists, Policies } from "../storage/storage.ts";
import { keyMessage } from "./key-message.ts";

/** What one method acts on. */
export interface AuditSubject {
  /** Its name, such as a list's. */
  targetOf(request: Message): string;
  /** What it is just now; undefined: it is not there. `response` is set once the act is done. */
  stateOf(request: Message, response: Message | undefined): Promise<JsonValue | undefined>;
}

export type AuditSubjects = ReadonlyMap<DescMethod, AuditSubject>;

/** Up to so many values of an edit, their entries are kept; of more, only how many entries the list has. The list's own history has them all. */
const maxEntries = 50;

/** Every audited method has an entry; a start without one fails. */
export function createAuditSubjects({ store }: { store: Lists & Policies & Keys & Cases }): AuditSubjects {
  async function listState(list: string, values: readonly string[]): Promise<JsonValue | undefined> {
    if (values.length > maxEntries) return countState(list);
    const found: JsonValue[] = [];
    for (const value of new Set(values)) {
      // The value itself stands before all that begin with it.
      const page = await store.listEntries(list, { prefix: value }, { size: 1 });
      if (page === undefined) return undefined;
      for (const entry of page.items) if (entry.value === value) found.push(toJson(ListEntrySchema, entry));
    }
    return found;
  }

  async function countState(list: string): Promise<JsonValue | undefined> {
    const found = (await store.listLists()).find((existing) => existing.list === list);
    return found && { entryCount: Number(found.entryCount) };
  }

  const pointers = () => readPolicyPointers(store);

  return new Map([
    subject(ListService.method.addEntries, {
      targetOf: ({ list }) => list,
      stateOf: ({ list, entries }) =>
        listState(
          list,
          entries.map(({ value }) => value),
        ),
    }),
    subject(ListService.method.removeEntries, {
      targetOf: ({ list }) => list,
      stateOf: ({ list, values }) => listState(list, values),
    }),
    subject(ListService.method.importEntries, {
      targetOf: ({ list }) => list,
      stateOf: ({ list }) => countState(list),
    }),
    subject(PolicyService.method.publishPolicy, {
      targetOf: ({ text }) => versionOf(text),
      stateOf: async ({ text }) => ({ isPublished: (await store.getPolicy(versionOf(text))) !== undefined, ...(await pointers()) }),
    }),
    subject(PolicyService.method.activatePolicy, { targetOf: ({ version }) => version, stateOf: pointers }),
    subject(PolicyService.method.rollBackPolicy, { targetOf: () => "live", stateOf: pointers }),
    subject(PolicyService.method.clearShadowPolicy, { targetOf: () => "shadow", stateOf: pointers }),
    subject(CaseService.method.closeCase, {
      targetOf: ({ caseId }) => caseId,
      async stateOf({ caseId }) {
        const found = await store.getCase(caseId);
        return found && toJson(CaseSchema, found);
      },
    }),
    // Who is erased is not to be found by the log.
    subject(ErasureService.method.eraseUser, {
      targetOf: () => "",
      stateOf: async (_request, response) => response?.erasure && toJson(ErasureSchema, response.erasure),
    }),
    subject(KeyService.method.createKey, {
      targetOf: ({ name }) => name,
      stateOf: async (_request, response) => response?.key && toJson(KeySchema, response.key),
    }),
    subject(KeyService.method.revokeKey, {
      targetOf: ({ keyId }) => keyId,
      async stateOf({ keyId }) {
        const key = await store.getKey(keyId);
        return key && toJson(KeySchema, keyMessage(key));
      },
    }),
  ]);
}

/** The types of one method's messages, while its entry is written. */
function subject<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { input: I; output: O },
  entry: {
    targetOf(request: MessageShape<I>): string;
    stateOf(request: MessageShape<I>, response: MessageShape<O> | undefined): Promise<JsonValue | undefined>;
  },
): [DescMethod, AuditSubject] {
  return [method, entry as AuditSubject];
}

/** A version is named by its text. */
function versionOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
