// The messages of rules: text with fields in braces, in the languages of the apps.
import { didYouMean } from "../nearest.ts";
import type { FieldSpec } from "./vocabulary.ts";

/** Makes a message for the fields of one subject, in the app's locale (a BCP 47 tag; empty: the rule's own language). */
export type MessageOf = (fields: Record<string, unknown>, locale: string) => string;

/** What a rule writes. */
export interface MessageSource {
  message: string;
  translations: Readonly<Record<string, string>>;
}

/** Bytes that a message may have when its fields are filled in; what is more is cut off. */
const maxMessageBytes = 1000;

/** Compiles a message and its translations. `place` of a problem is `message` or `translations["zh"]`. */
export function compileMessage(
  source: MessageSource,
  fields: Readonly<Record<string, FieldSpec>>,
): { messageOf: MessageOf; problems: { place: string; offset: number; message: string }[] } {
  const problems: { place: string; offset: number; message: string }[] = [];
  const parse = (text: string, place: string) => {
    const parsed = parseTemplate(text, fields);
    problems.push(...parsed.problems.map((problem) => ({ place, ...problem })));
    return parsed.parts;
  };
  const own = parse(source.message, "message");
  const translations = new Map<string, Part[]>();
  for (const [tag, text] of Object.entries(source.translations)) {
    const place = `translations["${tag}"]`;
    if (!isLanguageTag(tag))
      problems.push({ place, offset: 0, message: `"${tag}" is not a language tag; write one such as zh, ja or pt-BR.` });
    translations.set(tag.toLowerCase(), parse(text, place));
  }
  const messageOf: MessageOf = (values, locale) => {
    const parts = translations.size === 0 ? own : (translated(translations, locale) ?? own);
    return parts.length === 1 && typeof parts[0] === "string" ? parts[0] : cut(parts.map((part) => fill(part, values)).join(""));
  };
  return { messageOf, problems };
}

type Part = string | { field: string };

function fill(part: Part, values: Record<string, unknown>): string {
  return typeof part === "string" ? part : String(values[part.field]);
}

/** The translation for `zh-Hant-TW` is that, else the one for `zh-Hant`, else the one for `zh`. */
function translated(translations: ReadonlyMap<string, Part[]>, locale: string): Part[] | undefined {
  for (let tag = locale.toLowerCase(); tag !== ""; tag = tag.slice(0, Math.max(0, tag.lastIndexOf("-")))) {
    const parts = translations.get(tag);
    if (parts !== undefined) return parts;
  }
  return undefined;
}

function parseTemplate(
  text: string,
  fields: Readonly<Record<string, FieldSpec>>,
): { parts: Part[]; problems: { offset: number; message: string }[] } {
  const parts: Part[] = [];
  const problems: { offset: number; message: string }[] = [];
  const usable = Object.keys(fields).filter((name) => fields[name]?.type === "string" || fields[name]?.type === "int");
  let end = 0;
  for (const match of text.matchAll(/\{\{|\{([^{}]*)(\}?)/g)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [whole, field = "", closing] = match;
    if (whole === "{{") parts.push("{");
    else if (closing === "") problems.push({ offset: match.index, message: "A brace is not closed; write {{ for a brace itself." });
    else if (usable.includes(field)) parts.push({ field });
    else {
      const hint = didYouMean(field, usable) || ` There are: ${usable.join(", ")}.`;
      problems.push({ offset: match.index, message: `There is no field "${field}" to put in here.${hint} Write {{ for a brace itself.` });
    }
  }
  parts.push(text.slice(end));
  // Neighbouring texts are one, so that a message without fields is one part.
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === "string" && typeof last === "string") joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return { parts: joined, problems };
}

function isLanguageTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

function cut(text: string): string {
  if (text.length <= maxMessageBytes / 3) return text;
  const bytes = Buffer.from(text);
  return bytes.length <= maxMessageBytes
    ? text
    : bytes
        .subarray(0, maxMessageBytes)
        .toString()
        .replace(/\uFFFD$/, "");
}
