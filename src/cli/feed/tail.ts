// `gatehouse feed tail`: shows changes as they come.
import { toJson } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type Change, ChangeSchema, type FeedService } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListChange } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { PolicyPointer } from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import type { Io } from "../command.ts";
import { describeAction, describeVerdict } from "../decisions.ts";
import { describeEvent } from "../describe-event.ts";
import { onInterrupt } from "../interrupt.ts";
import { jsonLine } from "../json-line.ts";
import { enumWord, formatTime, orDash, safe } from "../text.ts";
import { type FeedPlace, followFeed } from "./follow.ts";

const shownVersionDigits = 12;

/** Writes a line for each change until it is interrupted, and then where to go on. */
export async function tailFeed(client: Client<typeof FeedService>, place: FeedPlace, json: boolean, io: Io): Promise<void> {
  using interrupt = onInterrupt();
  let { cursor } = place;
  for await (const message of followFeed(client, place, io, interrupt.signal)) {
    cursor = message.cursor;
    if (message.change === undefined) continue;
    io.stdout.write(json ? jsonLine(toJson(ChangeSchema, message.change)) : `${describeChange(message.change)}\n`);
  }
  if (cursor !== "") io.stderr.write(`Go on with --from ${cursor}\n`);
}

/** Time, kind, and what. */
function describeChange({ changeTime, change }: Change): string {
  const { kind, what } = describeContent(change);
  return `${formatTime(changeTime)}  ${kind.padEnd("list_edit".length)}  ${what}`;
}

function describeContent(change: Change["change"]): { kind: string; what: string } {
  switch (change.case) {
    case "decision": {
      const { decisionId, appId, matches } = change.value;
      const { action, by, about } = describeAction(change.value);
      const rules = [...new Set(matches.map(({ rule }) => rule))].map(safe).join(", ");
      const what = `${safe(decisionId)}  app ${appId}  ${action} by ${by} about ${about}: ${describeVerdict(change.value)}`;
      return { kind: "decision", what: rules === "" ? what : `${what} (${rules})` };
    }
    case "event": {
      const { eventId, appId, event } = change.value;
      const { kind, by, what } = describeEvent(change.value);
      return { kind: "event", what: `${safe(eventId)}  app ${appId}  ${kind} ${orDash(event.value?.accountId ?? "")} by ${by}: ${what}` };
    }
    case "caseChange": {
      const { caseId, appId, kind, state, user, accountId, closedBy, closeReason } = change.value;
      const about = `${safe(caseId)}  app ${appId}  ${enumWord(CaseKind, kind)} ${orDash(accountId)} by ${orDash(user)}`;
      return { kind: "case", what: `${about}: ${enumWord(CaseState, state)}${byWhom(closedBy, closeReason)}` };
    }
    case "listEdit": {
      const { list, edit } = change.value;
      const { value = "", author = "", reason = "" } = edit ?? {};
      const done = enumWord(ListChange, edit?.change ?? ListChange.UNSPECIFIED);
      return { kind: "list_edit", what: `${safe(list)}: ${done} ${safe(value)}${byWhom(author, reason)}` };
    }
    case "activation": {
      const { pointer, version, author, reason } = change.value;
      const shown = version === "" ? "none" : safe(version.slice(0, shownVersionDigits));
      return { kind: "policy", what: `${enumWord(PolicyPointer, pointer)} is ${shown}${byWhom(author, reason)}` };
    }
    case undefined:
      return { kind: "-", what: "(unknown to this version)" };
  }
}

function byWhom(author: string, reason: string): string {
  return `${author === "" ? "" : ` by ${safe(author)}`}${reason === "" ? "" : ` (${safe(reason)})`}`;
}
