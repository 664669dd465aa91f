// By what a message is recognised that was about to be sent and then is sent: its elements and its custom data, whatever else is told of it.
import { createHash } from "node:crypto";

/**
 * The SHA-256 of a message's elements, in their order, and its custom data, in hexadecimal. Two elements are alike when their JSON says the same:
 * neither white space nor the order of members counts, because who passes a message on may write it anew.
 */
export function messageDigest(elements: readonly { rawJson: string }[], customData: string): string {
  const contents = JSON.stringify([elements.map(({ rawJson }) => sameForm(rawJson)), customData]);
  return createHash("sha256").update(contents).digest("hex");
}

/** JSON in a form that all JSON which says the same has. What is nested too deeply to be looked through stays as it is. */
function sameForm(json: string): string {
  try {
    return JSON.stringify(inOrder(JSON.parse(json)));
  } catch {
    return json;
  }
}

/** The value with the members of every object in the order of their names. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, inOrder(member)]),
  );
}
