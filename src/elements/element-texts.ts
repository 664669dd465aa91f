// What of a message is text, and what are links.
import type { Message } from "@bufbuild/protobuf";
import type { MessageElement } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { findLinks, maxLinks } from "../text/links.ts";
import { type ElementKind, elementKinds, kindOfType } from "./element-kinds.ts";
import { itemsOf, type JsonSlice, memberOf, textOf, textsIn, wholeValue } from "./json-slices.ts";

/** A text in an element. */
export interface TextPart {
  /** Where the JSON string stands in the element's JSON, quotes included. */
  slice: JsonSlice;
  text: string;
}

/**
 * The texts in an element: of a known kind what people read of it, of every other kind all texts in its content. Half a surrogate pair is told
 * as U+FFFD.
 */
export function textParts(rawJson: string): TextPart[] {
  const whole = wholeValue(rawJson);
  const content = memberOf(rawJson, whole, "MsgContent");
  if (content === undefined) return [];
  const type = memberOf(rawJson, whole, "MsgType");
  const kind = kindOfType((type && textOf(rawJson, type)) ?? "");
  const slices =
    kind === undefined ? textsIn(rawJson, content) : elementKinds[kind].texts.map((member) => memberOf(rawJson, content, member));
  return slices.flatMap((slice) => {
    const text = slice && textOf(rawJson, slice);
    return slice === undefined || text === undefined || text === "" ? [] : [{ slice, text: text.toWellFormed() }];
  });
}

/** What stands between the texts of a message. */
export const textSeparator = "\n";

/** All text of a message as one, a line for each text. */
export function messageText(elements: readonly MessageElement[]): string {
  return elements.flatMap(({ rawJson }) => textParts(rawJson).map(({ text }) => text)).join(textSeparator);
}

/** The links in the text of a message and the addresses that its elements have, each once, in order, at most `maxLinks` of them. */
export function messageLinks(elements: readonly MessageElement[], text: string): string[] {
  const links = new Set(findLinks(text));
  for (const { content } of elements) {
    if (content.case === undefined) continue;
    const { links: fields } = elementKinds[content.case] as ElementKind & { links: readonly string[] };
    for (const field of fields) links.add(String((content.value as Message & Record<string, unknown>)[field]));
    if (content.case === "image") for (const { url } of content.value.sizes) links.add(url);
  }
  links.delete("");
  return [...links].slice(0, maxLinks);
}

/** The types of a message's elements, each once, in order. */
export function elementTypes(elements: readonly MessageElement[]): string[] {
  return [...new Set(elements.map(({ type }) => type))];
}

/** How many bytes a message has in UTF-8: its elements in JSON, and its custom data. */
export function messageSizeBytes(elements: readonly { rawJson: string }[], customData: string): number {
  return elements.reduce((sum, { rawJson }) => sum + Buffer.byteLength(rawJson), Buffer.byteLength(customData));
}

/** The elements of a `MsgBody` in a webhook's body, each as its JSON stands there; undefined when there is no such list. */
export function messageBodySlices(bodyJson: string): string[] | undefined {
  const list = memberOf(bodyJson, wholeValue(bodyJson), "MsgBody");
  if (list === undefined || bodyJson[list.start] !== "[") return undefined;
  return itemsOf(bodyJson, list).map(({ start, end }) => bodyJson.slice(start, end));
}
