// Accounts, their revisions and timelines in words.
import {
  type Account,
  type AccountRevision,
  AccountRevisionKind,
  AccountState,
  type FieldChange,
  type Message,
  type TimelineEntry,
  type ValueSource,
} from "../../../gen/gatehouse/v1/account_service_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { findChanges } from "../../text/text-diff.ts";
import { describeAction, describeVerdict } from "../decisions.ts";
import { describeEvent } from "../describe-event.ts";
import { describeElements } from "../message-elements.ts";
import { enumWord, fields, formatTime, orDash, safe, table } from "../text.ts";

/** From this length on a text that changed is shown once, with what went and what came in it. */
const longText = 40;

/** A line of a list. */
export function accountRow(account: Account): string[] {
  return [
    String(account.appId),
    safe(account.accountId),
    orDash(account.name),
    orDash(account.owner),
    describeState(account),
    formatTime(account.lastEventTime),
  ];
}

/** An account with the source of each field, in lines. */
export function describeAccount(account: Account): string {
  const { sources } = account;
  return fields([
    ["account", safe(account.accountId)],
    ["app", String(account.appId)],
    ["revision", String(account.revision)],
    ["messages", `${account.messagesSent} sent, ${account.messagesWithdrawn} withdrawn`],
    ["full", formatTime(account.fullTime)],
    ["first event", formatTime(account.firstEventTime)],
    ["last event", formatTime(account.lastEventTime)],
  ]).concat(
    "\n",
    table(
      ["FIELD", "VALUE", "SINCE", "BY", "EVENT"],
      [
        ["state", describeState(account), ...describeSource(sources?.state)],
        ["owner", orDash(account.owner), ...describeSource(sources?.owner)],
        ["name", orDash(account.name), ...describeSource(sources?.name)],
        ["introduction", orDash(account.introduction), ...describeSource(sources?.introduction)],
        ["picture", orDash(account.faceUrl), ...describeSource(sources?.faceUrl)],
        ["organization", orDash(account.organization), ...describeSource(sources?.organization)],
      ],
    ),
  );
}

/** When, by whom, and the event's id. */
function describeSource(source: ValueSource | undefined): string[] {
  return source === undefined ? ["-", "-", "-"] : [describeTime(source), orDash(source.operator), orDash(source.eventId)];
}

/** When it happened; when it arrived, marked, for an event that did not say. */
function describeTime({ arrivalOrdered, eventTime, receiveTime }: ValueSource): string {
  return arrivalOrdered ? `${formatTime(receiveTime)} (by arrival)` : formatTime(eventTime);
}

function describeState(account: Account): string {
  const state = enumWord(AccountState, account.state);
  return account.partial ? `${state} (creation not seen)` : state;
}

/** A line about an event. */
export function eventRow(event: Event): string[] {
  const { kind, by, what } = describeEvent(event);
  return [formatTime(event.receiveTime), formatTime(event.eventTime), kind, by, what];
}

/** A line about a message. */
export function messageRow({ messageTime, messageKey, withdrawTime, elements, eventId }: Message): string[] {
  const what = eventId === "" ? "(sending not seen)" : orDash(describeElements(elements));
  return [formatTime(messageTime), safe(messageKey), formatTime(withdrawTime), what];
}

/** A revision in lines: what happened, when, by whom, and each field that changed. */
export function describeRevision({ revision, kind, source, changes }: AccountRevision): string {
  const by = source === undefined || source.operator === "" ? "" : ` by ${safe(source.operator)}`;
  const when = source === undefined ? "-" : describeTime(source);
  const head = `revision ${revision}  ${when}  ${enumWord(AccountRevisionKind, kind)}${by}  (${orDash(source?.eventId ?? "")})\n`;
  return [head, ...changes.map((change) => `  ${safe(change.field)}: ${describeChange(change)}\n`)].join("");
}

function describeChange({ from, to }: FieldChange): string {
  if (from === "") return `"${safe(to)}"`;
  if (from.length < longText && to.length < longText) return `"${safe(from)}" → "${safe(to)}"`;
  return to === "" ? `"${safe(from)}" → ""` : `"${wordDiff(from, to)}"`;
}

/** The new text with the words that went in [-…-] and those that came in {+…+}. */
function wordDiff(from: string, to: string): string {
  const [before, after] = [wordsOf(from), wordsOf(to)];
  const { removed, added } = findChanges(before, after);
  let text = "";
  for (let b = 0, a = 0; b < before.length || a < after.length; ) {
    let [went, came] = ["", ""];
    while (removed[b] === 1) went += before[b++];
    while (added[a] === 1) came += after[a++];
    if (went !== "") text += `[-${safe(went)}-]`;
    if (came !== "") text += `{+${safe(came)}+}`;
    if (b < before.length) text += safe(after[a] ?? "");
    b++;
    a++;
  }
  return text;
}

/** Words, the spaces between them, and every other character by itself, as each Chinese one. */
function wordsOf(text: string): string[] {
  return text.match(/(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}])+|\s+|./gsu) ?? [];
}

/** A line of a timeline. */
export function timelineRow({ entry }: TimelineEntry): string[] {
  switch (entry.case) {
    case "decision": {
      const { action, by, about } = describeAction(entry.value);
      const rules = [...new Set(entry.value.matches.map(({ rule }) => safe(rule)))].join(", ");
      const verdict = describeVerdict(entry.value);
      return [
        formatTime(entry.value.decideTime),
        safe(entry.value.decisionId),
        `decided ${action}`,
        by,
        about,
        rules === "" ? verdict : `${verdict} (${rules})`,
      ];
    }
    case "event": {
      const { kind, by, what } = describeEvent(entry.value);
      const about = orDash(entry.value.event.value?.accountId ?? "");
      return [formatTime(entry.value.receiveTime), safe(entry.value.eventId), kind, by, about, what];
    }
    case undefined:
      return ["-", "-", "(unknown to this version)", "-", "-", "-"];
  }
}
