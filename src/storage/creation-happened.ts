// What an event says of a creation that has happened.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { normalize } from "../text/normalize.ts";
import type { HappenedValues } from "./creation-rows.ts";

/** What a creation is joined by; undefined for other events, and for one without a name, which no request has. */
export function happenedValues({ event }: Event, eventMs: number, nowMs: number, followUpMs: number): HappenedValues | undefined {
  if (event.case !== "accountCreated" || event.value.name === "") return undefined;
  const { operator, owner, name, accountId } = event.value;
  return [operator, owner, name, normalize(name), accountId, eventMs, eventMs < nowMs - followUpMs ? 1 : 0, followUpMs];
}
