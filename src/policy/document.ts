// Reads a policy's text, YAML or JSON, into its message, and remembers where everything stands.
import { create, type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument, type Scalar } from "yaml";
import { type Policy, PolicySchema } from "../../gen/gatehouse/v1/policy_pb.ts";
import { didYouMean } from "../nearest.ts";
import type { PolicyProblem } from "./problems.ts";

/** A policy's text may have at most this many UTF-16 units. */
export const maxPolicyLength = 1_048_576;

/** A place in the text. */
export interface Position {
  line: number;
  column: number;
}

/** A policy as it was read. */
export interface PolicyDocument {
  policy: Policy;
  /** Where the value at a path such as `rules[3].when` stands; `offset` counts UTF-16 units into a text value. */
  positionOf(path: string, offset?: number): Position;
}

/** Reads a text. Problems are all those that can be seen without looking into conditions; with problems there may still be a document. */
export function readPolicyDocument(text: string): { document: PolicyDocument | undefined; problems: PolicyProblem[] } {
  const problems: PolicyProblem[] = [];
  if (text.length > maxPolicyLength) {
    const message = `The policy has ${text.length} characters; at most ${maxPolicyLength} are allowed. Move long enumerations into lists.`;
    return { document: undefined, problems: [{ line: 1, column: 1, message }] };
  }
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const root = parseYaml(text, lines, (offset, message) => problems.push({ ...at(offset), message }));
  if (root === undefined) return { document: undefined, problems };

  const reader = createReader((offset, message) => problems.push({ ...at(offset), message }));
  const policy = create(PolicySchema, reader.message(PolicySchema, root, ""));
  const document: PolicyDocument = {
    policy,
    positionOf(path, offset) {
      const node = reader.nodes.get(path) ?? nearestParent(reader.nodes, path) ?? root;
      return at(offset === undefined || !isScalar(node) ? node.range[0] : offsetInText(text, node, offset));
    },
  };
  if (problems.length === 0) problems.push(...breaksOfSchemaRules(document));
  return { document, problems };
}

function parseYaml(text: string, lines: LineCounter, problem: (offset: number, message: string) => void): ParsedNode | undefined {
  try {
    const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    if (yaml.errors.some((error) => error.message.includes("call stack"))) throw new RangeError();
    for (const error of [...yaml.errors, ...yaml.warnings]) problem(error.pos[0], `${error.message.split("\n", 1)[0]}.`.replace("..", "."));
    if (yaml.errors.length > 0) return undefined;
    if (yaml.contents === null) {
      problem(0, "The policy is empty. It needs at least a name, and usually rules.");
      return undefined;
    }
    return yaml.contents as ParsedNode;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problem(0, "The policy is nested too deeply to be read.");
    return undefined;
  }
}

const validator = createValidator();

function breaksOfSchemaRules(document: PolicyDocument): PolicyProblem[] {
  const result = validator.validate(PolicySchema, document.policy);
  if (result.kind === "error") throw result.error;
  if (result.kind === "valid") return [];
  return result.violations.map((violation) => {
    const path = pathToString(violation.field);
    const ruleIndex = /^rules\[(\d+)\]/.exec(path)?.[1];
    const rule = ruleIndex === undefined ? undefined : document.policy.rules[Number(ruleIndex)]?.id;
    return { ...document.positionOf(path), ...(rule ? { rule } : {}), message: `${path || "the policy"} ${violation.message}.` };
  });
}

function nearestParent(nodes: ReadonlyMap<string, ParsedNode>, path: string): ParsedNode | undefined {
  for (let end = path.length; end > 0; ) {
    end = Math.max(path.lastIndexOf(".", end - 1), path.lastIndexOf("[", end - 1));
    const node = end > 0 ? nodes.get(path.slice(0, end)) : undefined;
    if (node !== undefined) return node;
  }
  return undefined;
}

/** Where the UTF-16 unit `offset` of a text value stands in the source; the value's start where the two cannot be matched. */
function offsetInText(text: string, node: Scalar.Parsed, offset: number): number {
  const [start, end] = node.range;
  const value = String(node.value);
  const source = text.slice(start, end);
  const plain = source.indexOf(value.trimEnd());
  if (value.trimEnd() !== "" && plain >= 0) return start + plain + Math.min(offset, value.length);
  if (node.type !== "BLOCK_LITERAL") return start;
  const before = value.slice(0, offset).split("\n");
  const sourceLines = source.split("\n");
  const target = sourceLines[before.length];
  if (target === undefined) return start;
  const valueLine = value.split("\n")[before.length - 1] ?? "";
  const lineStart = sourceLines.slice(0, before.length).join("\n").length + 1;
  return start + lineStart + Math.max(0, target.indexOf(valueLine)) + (before.at(-1)?.length ?? 0);
}

type Init = Record<string, unknown>;

/** Walks a YAML tree along a message's descriptor, so that the schema alone says what a policy may hold. */
function createReader(problem: (offset: number, message: string) => void) {
  const nodes = new Map<string, ParsedNode>();

  function message(desc: DescMessage, node: Node, path: string): Init {
    const init: Init = {};
    if (!isMap(node)) {
      // `then: { allow: }` reads as an empty Allow.
      if (isScalar(node) && node.value === null && path !== "") return init;
      complain(node, `${path || "A policy"} must be a mapping with keys like ${exampleKeys(desc)}, not ${describe(node)}.`);
      return init;
    }
    const fields = new Map(desc.fields.map((field) => [field.name, field]));
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : describe(key as Node);
      const field = fields.get(name);
      if (field === undefined) {
        const known = [...fields.keys()];
        complain(
          key as Node,
          `Unknown key "${name}"${path === "" ? "" : ` in ${path}`}.${didYouMean(name, known) || ` Known keys: ${known.join(", ")}.`}`,
        );
        continue;
      }
      set(init, field, (value ?? key) as Node, value === null, path === "" ? name : `${path}.${name}`);
    }
    return init;
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
        return message(field.message, node, path);
      case "list":
        return list(field, node, path);
      case "map":
        return map(field, node, path);
    }
  }

  function list(field: DescField & { fieldKind: "list" }, node: Node, path: string): unknown[] | undefined {
    if (!isSeq(node)) return complain(node, `${path} must be a list, such as [a, b], not ${describe(node)}.`);
    return node.items.flatMap((item, index) => {
      const itemPath = `${path}[${index}]`;
      nodes.set(itemPath, item as ParsedNode);
      const value = field.listKind === "message" ? message(field.message, item as Node, itemPath) : element(field, item as Node, itemPath);
      return value === undefined ? [] : [value];
    });
  }

  function map(field: DescField & { fieldKind: "map" }, node: Node, path: string): Init | undefined {
    if (!isMap(node)) return complain(node, `${path} must be a mapping, not ${describe(node)}.`);
    // A null prototype keeps keys such as __proto__ plain keys.
    const init: Init = Object.create(null);
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : describe(key as Node);
      const itemPath = `${path}["${name}"]`;
      nodes.set(itemPath, (value ?? key) as ParsedNode);
      if (isAlias(value)) {
        complain(value, `${itemPath} is a YAML alias; write the value out.`);
        continue;
      }
      const item = (value ?? key) as Node;
      const read = field.mapKind === "message" ? message(field.message, item, itemPath) : element(field, item, itemPath);
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
        `${path} must be text, not ${describe(node)}.${isScalar(node) ? ` Put it in quotes: "${node.source ?? value}".` : ""}`,
      );
    }
    if (type === ScalarType.BOOL) {
      if (typeof value === "boolean") return value;
      return complain(node, `${path} must be true or false, not ${describe(node)}.`);
    }
    if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
    return complain(node, `${path} must be a whole number, not ${describe(node)}.`);
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
  return `${typeof node.value === "string" ? "" : `the ${typeof node.value} `}"${text.length > 40 ? `${text.slice(0, 40)}…` : text}"`;
}
