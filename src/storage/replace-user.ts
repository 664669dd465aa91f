// Puts a pseudonym in the place of a user's id: alone, within texts and keys, and in JSON.

/** Replaces one user's id. Each function gives back the same text when the id is not in it. */
export interface ReplaceUser {
  /** A text that is the id, or is not. */
  whole(text: string): string;
  /** A text for people, in which the id stands apart from other words, and is not a part of another id. */
  inText(text: string): string;
  /** A key that may be made of the id and other things: wherever it stands apart from letters and digits. */
  inKey(text: string): string;
  /** JSON, in which ids stand in fields of their own and in texts; or nothing. */
  inJson(json: string): string;
}

/** How ids of users stand in a column: alone, in JSON, in a text, in a key, in a text about lists; `other` for not at all. */
export type UserContent = "user" | "json" | "text" | "key" | "listText" | "other";

/** What stands in a column, with the id replaced. */
export function replacedIn(text: string, content: UserContent | undefined, replace: ReplaceUser): string {
  switch (content) {
    case "user":
      return replace.whole(text);
    case "json":
      return replace.inJson(text);
    case "key":
      return replace.inKey(text);
    case "text":
    case "listText":
      return replace.inText(text);
    default:
      return text;
  }
}

/** Fields that hold nothing but ids of users, or values of lists. */
const idFields: ReadonlySet<string> = new Set(["operator", "owner", "subscriber", "subscribers", "user", "value", "values"]);

/** Fields that hold what people have written, or ids of other things. */
const otherFields: ReadonlySet<string> = new Set([
  "name",
  "introduction",
  "faceUrl",
  "organization",
  "elements",
  "customData",
  "accountId",
  "messageKey",
  "messageKeys",
]);

/** What ids are often joined with, and sentences end in. */
const joints = "[.@#-]*";
const letter = "[A-Za-z0-9_]";

export function createReplaceUser(user: string, pseudonym: string): ReplaceUser {
  const escaped = user.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  const apart = new RegExp(`(?<!${letter}${joints})${escaped}(?!${joints}${letter})`, "g");
  const anywhere = new RegExp(`(?<!${letter})${escaped}(?!${letter})`, "g");
  const whole = (text: string) => (text === user ? pseudonym : text);
  const inText = (text: string) => whole(text).replace(apart, () => pseudonym);

  function inValue(value: unknown, replace: (text: string) => string): unknown {
    if (typeof value === "string") return replace(value);
    if (Array.isArray(value)) return value.map((item) => inValue(item, replace));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([field, member]) => {
        if (otherFields.has(field)) return [field, member];
        return [field, inValue(member, idFields.has(field) ? whole : inText)];
      }),
    );
  }

  return {
    whole,
    inText,
    inKey: (text) => text.replace(anywhere, () => pseudonym),
    inJson: (json) => (json === "" ? "" : JSON.stringify(inValue(JSON.parse(json), inText))),
  };
}
