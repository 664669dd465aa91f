// Rewrites messages: removes elements, masks and replaces text. What is not touched stays byte for byte.
import { create } from "@bufbuild/protobuf";
import { ElementChange, type MessageRewrite, MessageRewriteSchema } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { MessageElement } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { maskRanges, replaceRanges, type TextRange } from "../text/text-ranges.ts";
import { completeElement, textElementJson } from "./complete-element.ts";
import { messageSizeBytes, type TextPart, textParts, textSeparator } from "./element-texts.ts";

/** What one rule changes in a message: what is to be removed first, then the mask, then the replacement. */
export interface MessageEdit {
  readonly removeTypes: ReadonlySet<string>;
  readonly removeCustomData: boolean;
  readonly mask: (TextSearch & { readonly mark: string }) | undefined;
  /** Without a search, the whole message becomes the text. */
  readonly replace: { readonly search: TextSearch | undefined; readonly text: string } | undefined;
}

/** What is looked for in the text of a message. */
export interface TextSearch {
  readonly list: string;
  readonly lookAlikes: boolean;
}

/** Finds the phrases of a list in a text: in order, without overlaps. */
export type FindInList = (list: string, text: string, lookAlikes: boolean) => readonly TextRange[];

/** What Chat takes of a message. From "Official Account" limits. */
const maxMessageBytes = 12_288;

/** What an element has become so far. */
interface ChangedElement {
  change: ElementChange;
  rawJson: string;
  type: string;
}

/** A part of a text, which may go on from the text before. */
type PartRange = TextRange & { goesOn: boolean };

/**
 * What the edits, one after the other, make of a message; undefined when nothing changes. `unsendable` when nothing of it is left, or when it
 * became larger than Chat takes.
 */
export function rewriteMessage(
  message: { readonly elements: readonly MessageElement[]; readonly customData: string },
  edits: readonly MessageEdit[],
  find: FindInList,
): MessageRewrite | "unsendable" | undefined {
  const elements: ChangedElement[] = message.elements.map(({ rawJson, type }) => ({ change: ElementChange.KEPT, rawJson, type }));
  let { customData } = message;
  for (const { removeTypes, removeCustomData, mask, replace } of edits) {
    if (removeCustomData) customData = "";
    for (const element of elements) if (removeTypes.has(element.type)) remove(element);
    if (mask !== undefined) changeTexts(elements, mask, find, (text, ranges) => maskRanges(text, ranges, mask.mark));
    if (replace?.search !== undefined) {
      changeTexts(elements, replace.search, find, (text, ranges) => replaceRanges(text, ranges, replace.text));
    } else if (replace !== undefined) {
      for (const element of elements) remove(element);
      elements.push(addedText(replace.text));
    }
  }
  return resultOf(message, elements, customData);
}

/** The elements that go out when a message is rewritten so, each complete. */
export function rewrittenElements(elements: readonly MessageElement[], rewrite: MessageRewrite | undefined): MessageElement[] {
  if (rewrite === undefined || rewrite.elements.length === 0) return [...elements];
  return rewrite.elements.flatMap(({ rawJson }) => (rawJson === "" ? [] : [completeElement({ rawJson })]));
}

function remove(element: ChangedElement): void {
  element.change = ElementChange.REMOVED;
  element.rawJson = "";
}

function addedText(text: string): ChangedElement {
  const rawJson = textElementJson(text);
  return { change: ElementChange.ADDED, rawJson, type: completeElement({ rawJson }).type };
}

/** Changes what a list finds. It is asked about all text as one, as rules are: a phrase may begin in one text and end in the next. */
function changeTexts(
  elements: readonly ChangedElement[],
  { list, lookAlikes }: TextSearch,
  find: FindInList,
  change: (text: string, ranges: readonly PartRange[]) => string,
): void {
  const texts = elements.flatMap((element) =>
    element.rawJson === "" ? [] : textParts(element.rawJson).map((part) => ({ element, part })),
  );
  const finds = find(list, texts.map(({ part }) => part.text).join(textSeparator), lookAlikes);
  if (finds.length === 0) return;
  const changes = new Map<ChangedElement, { part: TextPart; text: string }[]>();
  let offset = 0;
  let next = 0;
  for (const { element, part } of texts) {
    const end = offset + part.text.length;
    while (next < finds.length && (finds[next]?.end ?? 0) <= offset) next++;
    const ranges = rangesWithin(finds, next, offset, end);
    offset = end + textSeparator.length;
    const text = ranges.length === 0 ? part.text : change(part.text, ranges);
    if (text === part.text) continue;
    const ofElement = changes.get(element);
    if (ofElement === undefined) changes.set(element, [{ part, text }]);
    else ofElement.push({ part, text });
  }
  for (const [element, ofElement] of changes) {
    element.rawJson = withTexts(element.rawJson, ofElement);
    if (element.change === ElementChange.KEPT) element.change = ElementChange.CHANGED;
  }
}

/** What of the finds, from the first that can, lies in one of the texts, counted from its beginning. */
function rangesWithin(finds: readonly TextRange[], first: number, start: number, end: number): PartRange[] {
  const ranges: PartRange[] = [];
  for (let index = first; index < finds.length; index++) {
    const find = finds[index];
    if (find === undefined || find.start >= end) break;
    ranges.push({ start: Math.max(find.start, start) - start, end: Math.min(find.end, end) - start, goesOn: find.start < start });
  }
  return ranges;
}

/** The element with some of its texts changed, and every other byte as it is. */
function withTexts(rawJson: string, changes: readonly { part: TextPart; text: string }[]): string {
  let result = "";
  let end = 0;
  for (const { part, text } of changes.toSorted((a, b) => a.part.slice.start - b.part.slice.start)) {
    result += rawJson.slice(end, part.slice.start) + JSON.stringify(text);
    end = part.slice.end;
  }
  return result + rawJson.slice(end);
}

function resultOf(
  message: { readonly elements: readonly MessageElement[]; readonly customData: string },
  elements: readonly ChangedElement[],
  customData: string,
): MessageRewrite | "unsendable" | undefined {
  const areElementsChanged = elements.some(({ change }) => change !== ElementChange.KEPT);
  if (!areElementsChanged && customData === message.customData) return undefined;
  if (message.elements.length > 0 && elements.every(({ change }) => change === ElementChange.REMOVED)) return "unsendable";
  const sizeBytes = messageSizeBytes(elements, "");
  if (sizeBytes > maxMessageBytes && sizeBytes > messageSizeBytes(message.elements, "")) return "unsendable";
  return create(MessageRewriteSchema, {
    elements: areElementsChanged ? elements.map(({ change, rawJson }) => ({ change, rawJson })) : [],
    ...(customData !== message.customData && { customData }),
  });
}
