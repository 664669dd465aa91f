// Revisions and sources of accounts as messages, of what stores keep of them.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AccountRevision,
  AccountRevisionKind,
  AccountRevisionSchema,
  AccountSchema,
  AccountState,
  type ValueSource,
  ValueSourceSchema,
} from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { AccountFields } from "./account-merge.ts";
import { changedFields, type SaidFields } from "./account-revisions.ts";

/** What is kept of the event that said something. */
export interface SourceEvent {
  eventId: string;
  /** When it happened; when it arrived, for one that does not say. */
  timeMs: number;
  /** Whether it says when it happened. */
  timed: boolean;
  receiveTimeMs: number | null;
  operator: string;
  /** The rank in its stamp, which tells what happened. */
  rank: number;
}

const kinds: Readonly<Record<number, AccountRevisionKind>> = {
  0: AccountRevisionKind.CREATED,
  1: AccountRevisionKind.PROFILE_CHANGED,
  2: AccountRevisionKind.DESTROYED,
};

/** The event as a source. */
export function valueSourceOf({ eventId, timeMs, timed, receiveTimeMs, operator }: SourceEvent): ValueSource {
  const source = create(ValueSourceSchema, { eventId, operator, arrivalOrdered: !timed });
  if (timed) source.eventTime = timestampFromMs(timeMs);
  if (receiveTimeMs !== null) source.receiveTime = timestampFromMs(receiveTimeMs);
  return source;
}

/** The revision that the event makes, of an account of which `before` was said until then. */
export function accountRevisionOf(
  { appId, accountId, revision }: { appId: number; accountId: string; revision: number },
  event: SourceEvent,
  before: SaidFields,
  writes: SaidFields,
): AccountRevision {
  const after = { ...before, ...writes };
  return create(AccountRevisionSchema, {
    revision,
    kind: kinds[event.rank] ?? AccountRevisionKind.UNSPECIFIED,
    source: valueSourceOf(event),
    changes: changedFields(before, writes).map((field) => ({
      field: fieldNames[field],
      from: wordOf(before[field]),
      to: wordOf(after[field]),
    })),
    account: create(AccountSchema, { appId, accountId, state: AccountState.LIVE, ...after, revision }),
  });
}

/** The names of the fields in the schema. */
const fieldNames: Readonly<Record<keyof AccountFields, string>> = {
  owner: "owner",
  name: "name",
  introduction: "introduction",
  faceUrl: "face_url",
  organization: "organization",
  state: "state",
};

function wordOf(value: string | AccountState | undefined): string {
  if (value === AccountState.LIVE) return "live";
  return value === AccountState.DESTROYED ? "destroyed" : String(value ?? "");
}
