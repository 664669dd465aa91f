// Elements made whole: what is typed follows from the JSON, or the JSON from what is typed.
import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { ImageSizeSchema, type MessageElement, MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { type Content, type ElementKind, elementKinds, imageSizeMembers, kindOfType } from "./element-kinds.ts";

/** Bytes of JSON that the elements of a message may have: Chat takes 12 KB, which escapes can make several times as long. */
const maxBytes = 65_536;

/** Of a picture's sizes, no more than these are read. */
const maxSizes = 100;

/** An element of a request that cannot be understood; the message says what it must be, to be put after the name of its field. */
export class MalformedElement extends Error {
  override readonly name = "MalformedElement";
  /** Which field of the element it is. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * The element with its type and what can be read of it, from its JSON; one without JSON gets some, made of what is typed. Throws
 * MalformedElement.
 */
export function completeElement({ rawJson, content }: Pick<MessageElement, "rawJson"> & Partial<MessageElement>): MessageElement {
  if (rawJson !== "") return readElement(rawJson);
  if (content?.case === undefined) throw new MalformedElement("raw_json", "must be given, or content in its place");
  return readElement(writeElement(content));
}

/**
 * The elements, each complete. Throws MalformedElement, whose field begins with the element's place, such as `elements[2].raw_json`, or is
 * `elements` when they are too many bytes to be looked through.
 */
export function completeElements(elements: readonly MessageElement[]): MessageElement[] {
  const complete = elements.map((element, index) => {
    try {
      return completeElement(element);
    } catch (error) {
      if (!(error instanceof MalformedElement)) throw error;
      throw new MalformedElement(`elements[${index}].${error.field}`, error.message);
    }
  });
  const sizeBytes = complete.reduce((sum, { rawJson }) => sum + Buffer.byteLength(rawJson), 0);
  if (sizeBytes > maxBytes) throw new MalformedElement("elements", `must be at most ${maxBytes} bytes of JSON in all, not ${sizeBytes}`);
  return complete;
}

/** The element without what follows from its JSON: what it is told from others by. */
export function bareElement({ rawJson }: MessageElement): MessageElement {
  return create(MessageElementSchema, { rawJson });
}

/** A text as an element in JSON. */
export function textElementJson(text: string): string {
  return JSON.stringify({ MsgType: elementKinds.text.type, MsgContent: { Text: text } });
}

function readElement(rawJson: string): MessageElement {
  const value = parseObject(rawJson);
  const type = ownMember(value, "MsgType");
  const element = create(MessageElementSchema, { type: typeof type === "string" ? type.toWellFormed() : "", rawJson });
  const kind = kindOfType(element.type);
  const members = ownMember(value, "MsgContent");
  if (kind !== undefined && isObject(members)) {
    const { schema, members: names } = elementKinds[kind] as ElementKind;
    element.content = { case: kind, value: readFields(schema, members, names as Record<string, string>) } as Content;
  }
  return element;
}

function writeElement(content: Content): string {
  const { type, members } = elementKinds[content.case] as ElementKind;
  return JSON.stringify({ MsgType: type, MsgContent: writeFields(content.value, members as Record<string, string>) });
}

function readFields(schema: DescMessage, members: object, names: Readonly<Record<string, string>>): Message {
  const init = Object.fromEntries(schema.fields.map((field) => [field.localName, readField(field, members, names[field.localName] ?? "")]));
  return create(schema, init);
}

function readField(field: DescField, members: object, name: string): unknown {
  const value = ownMember(members, name);
  if (field.fieldKind === "list") {
    const items: unknown[] = Array.isArray(value) ? value.slice(0, maxSizes).filter(isObject) : [];
    return items.map((item) => readFields(ImageSizeSchema, item as object, imageSizeMembers));
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return typeof value === "string" ? value.toWellFormed() : "";
    case ScalarType.DOUBLE:
      return typeof value === "number" && Number.isFinite(value) ? value : 0;
    default:
      return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? value : 0;
  }
}

/** What is empty or 0 is left out. */
function writeFields(message: Message, names: Readonly<Record<string, string>>): object {
  const written = Object.entries(names).flatMap(([field, name]): [string, unknown][] => {
    const value = (message as unknown as Record<string, unknown>)[field];
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value.map((item: Message) => writeFields(item, imageSizeMembers))]];
    return value === "" || value === 0 ? [] : [[name, value]];
  });
  return Object.fromEntries(written);
}

function parseObject(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new MalformedElement("raw_json", "must be JSON");
  }
  if (!isObject(value))
    throw new MalformedElement("raw_json", 'must be a JSON object such as {"MsgType": "TIMTextElem", "MsgContent": {"Text": "Hello"}}');
  return value;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ownMember(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}
