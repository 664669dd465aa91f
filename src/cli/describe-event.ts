// An event in words, for tables.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { describeElements } from "./message-elements.ts";
import { orDash, safe } from "./text.ts";

/** How many users or messages of an event are named in a table; --json names all of them. */
const maxNames = 5;

/** What happened, by whom, and with which values. */
export function describeEvent({ event }: Event): { kind: string; by: string; what: string } {
  switch (event.case) {
    case "accountCreated": {
      const { operator, owner, name } = event.value;
      return { kind: "account_created", by: orDash(operator), what: describeValues({ owner, name }) };
    }
    case "accountProfileChanged": {
      const { operator, name, introduction, faceUrl, organization } = event.value;
      const what = describeValues({ name, introduction, picture: faceUrl, organization });
      return { kind: "account_profile_changed", by: orDash(operator), what };
    }
    case "accountDestroyed": {
      const { owner, name } = event.value;
      return { kind: "account_destroyed", by: "-", what: describeValues({ owner, name }) };
    }
    case "subscribersAdded":
    case "subscribersRemoved": {
      const kind = event.case === "subscribersAdded" ? "subscribers_added" : "subscribers_removed";
      return { kind, by: orDash(event.value.operator), what: describeNames(event.value.subscribers) };
    }
    case "accountFull":
      return { kind: "account_full", by: "-", what: "-" };
    case "messageSent":
      return { kind: "message_sent", by: "-", what: orDash(describeElements(event.value.elements)) };
    case "messagesWithdrawn":
      return { kind: "messages_withdrawn", by: "-", what: describeNames(event.value.messageKeys) };
    case undefined:
      return { kind: "(unknown to this version)", by: "-", what: "-" };
  }
}

/** The first of them, and how many there are besides. */
function describeNames(names: readonly string[]): string {
  const first = names.slice(0, maxNames).map(safe).join(", ");
  return names.length > maxNames ? `${first} and ${names.length - maxNames} more` : first;
}

function describeValues(values: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${safe(value)}"`]));
  return orDash(set.join(" "));
}
