// Walks a YAML tree along a message's descriptor, so that the schema alone says what a policy or a suite may hold.
import { create, type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { DurationSchema, durationFromMs, TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { isAlias, isMap, isScalar, isSeq, type Node, type ParsedNode } from "yaml";
import { didYouMean } from "../nearest.ts";
import { spanMs } from "./span.ts";

/** No list or mapping in any schema may have as many; what has is not looked into. */
const maxItems = 10_000;

type Init = Record<string, unknown>;

type Collection = DescField & { fieldKind: "list" | "map" };

/** The field of a message that has just one, which is a list or a map. */
export function onlyCollection(desc: DescMessage): Collection | undefined {
  const [field, ...others] = desc.fields;
  return others.length === 0 && (field?.fieldKind === "list" || field?.fieldKind === "map") ? field : undefined;
}

/** Reads a tree into the fields of messages. */
export interface MessageReader {
  /** The fields of a message that a node holds; `path` is where it stands in the whole. What cannot be read is left out and complained of. */
  message(desc: DescMessage, node: Node, path: string): Record<string, unknown>;
  /** The node of every value that was read, by its path, such as `rules[3].when`. */
  nodes: ReadonlyMap<string, ParsedNode>;
}

/**
 * Makes a reader. `noun` is what the whole is, such as `policy`; `problem` hears what is wrong and at which offset of the text. A message whose
 * only field is a list or a map is written as that list or map, a timestamp as `2026-01-31T12:00:00Z`, a duration as `1h30m`.
 */
export function createMessageReader(noun: string, problem: (offset: number, message: string) => void): MessageReader {
  const nodes = new Map<string, ParsedNode>();

  function message(desc: DescMessage, node: Node, path: string): Init {
    const init: Init = {};
    const only = onlyCollection(desc);
    if (only !== undefined) {
      const value = isScalar(node) && node.value === null ? complain(node, `${path} has no value.`) : collection(only, node, path);
      if (value !== undefined) init[only.localName] = value;
      return init;
    }
    if (!isMap(node)) {
      // `then: { allow: }` reads as an empty Allow.
      if (isScalar(node) && node.value === null && path !== "") return init;
      complain(node, `${path || `A ${noun}`} must be a mapping with keys like ${exampleKeys(desc)}, not ${describe(node)}.`);
      return init;
    }
    const fields = new Map(desc.fields.map((field) => [field.name, field]));
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : describe(key as Node);
      if (isRepeated(seen, name, key as Node)) continue;
      const field = fields.get(name);
      if (field === undefined) {
        const known = [...fields.keys()];
        complain(
          key as Node,
          `Unknown key "${shorten(name)}"${path === "" ? "" : ` in ${path}`}.${didYouMean(name, known) || ` Known keys: ${known.join(", ")}.`}`,
        );
        continue;
      }
      set(init, field, (value ?? key) as Node, value === null, path === "" ? name : `${path}.${name}`);
    }
    return init;
  }

  function isRepeated(seen: Set<string>, name: string, key: Node): boolean {
    if (!seen.has(name)) {
      seen.add(name);
      return false;
    }
    complain(key, `The key "${name}" is there already.`);
    return true;
  }

  function set(init: Init, field: DescField, node: Node, absent: boolean, path: string): undefined {
    nodes.set(path, node as ParsedNode);
    if (isAlias(node)) return complain(node, `${path} is a YAML alias; write the value out.`);
    const empty = absent || (isScalar(node) && node.value === null);
    if (empty && field.fieldKind !== "message") return complain(node, `${path} has no value.`);
    const value = read(field, node, path);
    if (value === undefined) return;
    if (field.oneof === undefined) {
      init[field.localName] = value;
    } else if (init[field.oneof.localName] === undefined) {
      init[field.oneof.localName] = { case: field.localName, value };
    } else {
      complain(node, `${path}: only one of ${field.oneof.fields.map((f) => f.name).join(", ")} can be given.`);
    }
  }

  function read(field: DescField, node: Node, path: string): unknown {
    switch (field.fieldKind) {
      case "scalar":
        return scalar(field.scalar, node, path);
      case "enum":
        return enumValue(field.enum, node, path);
      case "message":
        return messageOrText(field.message, node, path);
      default:
        return collection(field, node, path);
    }
  }

  function collection(field: Collection, node: Node, path: string): unknown {
    return field.fieldKind === "list" ? list(field, node, path) : map(field, node, path);
  }

  /** A message, or a time or span of time, which are written as text. */
  function messageOrText(desc: DescMessage, node: Node, path: string): unknown {
    const text = isScalar(node) && typeof node.value === "string" ? node.value : "";
    if (desc.typeName === TimestampSchema.typeName) {
      const ms = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
      if (!Number.isNaN(ms)) return timestampFromMs(ms);
      return complain(node, `${path} must be a time such as 2026-01-31T12:00:00Z, not ${describe(node)}.`);
    }
    if (desc.typeName === DurationSchema.typeName) {
      const ms = spanMs(text);
      if (ms !== undefined) return durationFromMs(ms);
      return complain(node, `${path} must be a span of time such as 1h or 90s, not ${describe(node)}.`);
    }
    return create(desc, message(desc, node, path));
  }

  function list(field: Collection & { fieldKind: "list" }, node: Node, path: string): unknown[] | undefined {
    if (!isSeq(node)) return complain(node, `${path} must be a list, such as [a, b], not ${describe(node)}.`);
    if (node.items.length > maxItems) return complain(node, `${path} has ${node.items.length} items; far fewer are allowed.`);
    return node.items.flatMap((item, index) => {
      const itemPath = `${path}[${index}]`;
      nodes.set(itemPath, item as ParsedNode);
      const value =
        field.listKind === "message" ? messageOrText(field.message, item as Node, itemPath) : element(field, item as Node, itemPath);
      return value === undefined ? [] : [value];
    });
  }

  function map(field: Collection & { fieldKind: "map" }, node: Node, path: string): Init | undefined {
    if (!isMap(node)) return complain(node, `${path} must be a mapping, not ${describe(node)}.`);
    if (node.items.length > maxItems) return complain(node, `${path} has ${node.items.length} entries; far fewer are allowed.`);
    // A null prototype keeps keys such as __proto__ plain keys.
    const init: Init = Object.create(null);
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : describe(key as Node);
      if (isRepeated(seen, name, key as Node)) continue;
      const itemPath = `${path}["${name}"]`;
      nodes.set(itemPath, (value ?? key) as ParsedNode);
      if (isAlias(value)) {
        complain(value, `${itemPath} is a YAML alias; write the value out.`);
        continue;
      }
      const item = (value ?? key) as Node;
      const read = field.mapKind === "message" ? messageOrText(field.message, item, itemPath) : element(field, item, itemPath);
      if (read !== undefined) init[name] = read;
    }
    return init;
  }

  function element(field: { scalar?: ScalarType | undefined; enum?: DescEnum | undefined }, node: Node, path: string): unknown {
    return field.enum === undefined ? scalar(field.scalar ?? ScalarType.STRING, node, path) : enumValue(field.enum, node, path);
  }

  function scalar(type: ScalarType, node: Node, path: string): unknown {
    const value = isScalar(node) ? node.value : undefined;
    if (type === ScalarType.STRING) {
      if (typeof value === "string") {
        if (value.isWellFormed() && !value.includes("\0")) return value;
        return complain(node, `${path} has a NUL or half of a surrogate pair; neither can be kept.`);
      }
      return complain(
        node,
        `${path} must be text, not ${describe(node)}.${isScalar(node) ? ` Put it in quotes: "${shorten(node.source ?? String(value))}".` : ""}`,
      );
    }
    if (type === ScalarType.BOOL) {
      if (typeof value === "boolean") return value;
      return complain(node, `${path} must be true or false, not ${describe(node)}.`);
    }
    if (type === ScalarType.DOUBLE) {
      if (typeof value === "number" && Number.isFinite(value)) return value;
      return complain(node, `${path} must be a number, not ${describe(node)}.`);
    }
    const least = type === ScalarType.UINT32 ? 0 : -(2 ** 31);
    const isWhole = typeof value === "number" && Number.isInteger(value);
    if (isWhole && value >= least && value < least + 2 ** 32) return value;
    return complain(
      node,
      `${path} must be a whole number${isWhole ? ` from ${least} to ${least + 2 ** 32 - 1}` : ""}, not ${describe(node)}.`,
    );
  }

  function enumValue(desc: DescEnum, node: Node, path: string): number | undefined {
    const words = new Map(desc.values.filter((v) => v.number !== 0).map((v) => [shortName(desc, v.name), v.number]));
    const word = isScalar(node) ? String(node.value) : undefined;
    const number = word === undefined ? undefined : words.get(word);
    if (number !== undefined) return number;
    return complain(
      node,
      `${path} must be one of ${[...words.keys()].join(", ")}, not ${describe(node)}.${word ? didYouMean(word, words.keys()) : ""}`,
    );
  }

  function complain(node: Node, text: string): undefined {
    problem(node.range?.[0] ?? 0, text);
  }

  return { message, nodes };
}

/** The word for an enum value in a policy: its name in lower case without the enum's prefix. */
function shortName(desc: DescEnum, name: string): string {
  return name.toLowerCase().slice(desc.sharedPrefix?.length ?? 0);
}

function exampleKeys(desc: DescMessage): string {
  const names = desc.fields.slice(0, 3).map((field) => field.name);
  return names.length === 0 ? "none" : names.join(", ");
}

function describe(node: Node): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  if (isAlias(node)) return "an alias";
  if (!isScalar(node)) return "that";
  if (node.value === null) return "nothing";
  const text = String(node.value);
  return `${typeof node.value === "string" ? "" : `the ${typeof node.value} `}"${shorten(text)}"`;
}

/** A text as it can stand in a message. */
function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
