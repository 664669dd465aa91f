// Keeps the log of administrative acts: an entry is there before the act begins, and says how it ended before the act is answered.
import { ErrorReasonSchema } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { AuditEntry, AuditFilter, AuditLog, NewAuditEntry, Page, PageRequest } from "../storage/storage.ts";

/** What the log needs. */
export interface AuditDeps {
  store: AuditLog;
  /** Told when it could not be written how an act failed. Must not throw. */
  onLost(error: unknown): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** An act that has begun. */
export interface BegunAct {
  /** The act is done. Resolves when that is on disk; the act must not be answered before. */
  done(afterJson: string): Promise<void>;
  /** The act failed with this. Never rejects: an entry without an end says that its end is not known. */
  failed(error: unknown): Promise<void>;
}

/** The log of administrative acts. */
export interface Audit {
  /** Resolves when the entry is on disk; the act must not begin before. Rejects when it cannot be written. */
  begin(act: Omit<NewAuditEntry, "beginTimeMs">): Promise<BegunAct>;
  /** The latest first. */
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEntry>>;
}

export function createAudit({ store, onLost, now }: AuditDeps): Audit {
  return {
    async begin(act) {
      const auditId = await store.beginAuditEntry({ ...act, beginTimeMs: now() });
      return {
        done: (afterJson) => store.endAuditEntry(auditId, { afterJson, outcome: "OK" }),
        failed: (error) => store.endAuditEntry(auditId, { afterJson: "", outcome: outcomeOf(error) }).catch(onLost),
      };
    },
    list: (filter, page) => store.listAuditEntries(filter, page),
  };
}

/** The reason's name; INTERNAL for what is no error of ours. */
function outcomeOf(error: unknown): string {
  return (error instanceof GatehouseError && ErrorReasonSchema.value[error.reason]?.localName) || "INTERNAL";
}
