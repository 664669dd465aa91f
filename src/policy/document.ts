// Reads a policy's or a suite's text, YAML or JSON, into its message, and remembers where everything stands.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { isScalar, LineCounter, type ParsedNode, type Scalar } from "yaml";
import { type Policy, PolicySchema } from "../../gen/gatehouse/v1/policy_pb.ts";
import { createMessageReader, onlyCollection } from "./message-reader.ts";
import type { PolicyProblem } from "./problems.ts";
import type { Steps } from "./steps.ts";
import { parseYaml } from "./yaml-tree.ts";

/** A policy's or a suite's text may have at most this many UTF-16 units. */
export const maxPolicyLength = 1_048_576;

/** Of more problems than these, the rest is not told. */
export const maxProblems = 1000;

/** A place in the text. */
export interface Position {
  line: number;
  column: number;
}

/** A text as it was read. */
interface Document<Desc extends DescMessage> {
  message: MessageShape<Desc>;
  /** Whether there is more of something than the schema allows: such a text is told of and not looked into. */
  isTooLarge: boolean;
  /** Where the value at a path such as `rules[3].when` stands; `offset` counts UTF-16 units into a text value. */
  positionOf(path: string, offset?: number): Position;
}

/** A policy as it was read. */
export interface PolicyDocument {
  policy: Policy;
  /** Where the value at a path such as `rules[3].when` stands; `offset` counts UTF-16 units into a text value. */
  positionOf(path: string, offset?: number): Position;
}

/** What kind of text it is, for messages. */
export interface DocumentKind<Desc extends DescMessage> {
  schema: Desc;
  noun: string;
  /** What is said of an empty one, and of one that is too long. */
  advice: { empty: string; tooLong: string };
}

const policyKind: DocumentKind<typeof PolicySchema> = {
  schema: PolicySchema,
  noun: "policy",
  advice: { empty: "It needs at least a name, and usually rules.", tooLong: "Move long enumerations into lists." },
};

/** Reads a policy's text. Problems are all those that can be seen without looking into conditions; with problems there may still be a document. */
export function* readPolicyDocument(text: string): Steps<{ document: PolicyDocument | undefined; problems: PolicyProblem[] }> {
  const { document, problems } = yield* readDocument(policyKind, text);
  if (document === undefined) return { document: undefined, problems };
  const { message: policy, positionOf, isTooLarge } = document;
  return {
    document: isTooLarge ? undefined : { policy, positionOf },
    problems: problems.map(({ path, ...problem }) => ({ ...problem, ...ruleAt(policy, path) })),
  };
}

/** Ends the reading of a text that is hardly a policy at all. */
class TooManyProblems extends Error {
  override readonly name = "TooManyProblems";
}

/** A problem may know the path of the value that it is with. */
type DocumentProblem = PolicyProblem & { path?: string };

/** Reads a text as a message. Problems are all those that the schema knows of; with problems there may still be a document. */
export function* readDocument<Desc extends DescMessage>(
  { schema, noun, advice }: DocumentKind<Desc>,
  text: string,
): Steps<{ document: Document<Desc> | undefined; problems: DocumentProblem[] }> {
  const problems: DocumentProblem[] = [];
  if (text.length > maxPolicyLength) {
    const message = `The ${noun} has ${text.length} characters; at most ${maxPolicyLength} are allowed. ${advice.tooLong}`;
    return { document: undefined, problems: [{ line: 1, column: 1, message }] };
  }
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const complain = (offset: number, message: string) => {
    if (problems.length >= maxProblems) throw new TooManyProblems();
    problems.push({ ...at(offset), message });
  };
  function* read(): Steps<Document<Desc> | undefined> {
    const root = yield* parseYaml(text, lines, `The ${noun}`, complain);
    if (root === null) complain(0, `The ${noun} is empty. ${advice.empty}`);
    if (root === null || root === undefined) return undefined;
    yield;
    const reader = createMessageReader(noun, complain);
    const message = create(schema, reader.message(schema, root, "") as MessageInitShape<Desc>);
    const positionOf = (path: string, offset?: number) => {
      const node = reader.nodes.get(path) ?? nearestParent(reader.nodes, path) ?? root;
      return at(offset === undefined || !isScalar(node) ? node.range[0] : offsetInText(text, node, offset));
    };
    yield;
    let isTooLarge = false;
    if (problems.length === 0) {
      const breaks = breaksOfSchemaRules(schema, message);
      for (const { path, text: problem } of breaks.slice(0, maxProblems)) {
        problems.push({ ...positionOf(path), path, message: `${path || `the ${noun}`} ${problem}.` });
      }
      isTooLarge = breaks.some(({ isSize }) => isSize);
    }
    return { message, isTooLarge, positionOf };
  }
  try {
    return { document: yield* read(), problems };
  } catch (error) {
    if (!(error instanceof TooManyProblems)) throw error;
    return { document: undefined, problems };
  }
}

const validator = createValidator();

/** A value that a rule of the schema forbids, by its path. */
interface SchemaBreak {
  path: string;
  text: string;
  /** Whether there is too much of something. */
  isSize: boolean;
}

/** What the schema's rules forbid. */
function breaksOfSchemaRules<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): SchemaBreak[] {
  const result = validator.validate(schema, message);
  if (result.kind === "error") throw result.error;
  return result.kind === "valid"
    ? []
    : result.violations.map(({ field, ruleId, message: text }) => ({
        path: pathToString(asWritten(field)),
        text: ruleId === "enum.not_in" ? "cannot have this value" : text,
        isSize: /\.max_(items|pairs|bytes)$/.test(ruleId),
      }));
}

/** The path without the fields that are not written: those that are all of their message. */
function asWritten(path: Path): Path {
  return path.filter((step) => step.kind !== "field" || onlyCollection(step.parent) !== step);
}

/** The id of the rule at a path. */
function ruleAt(policy: Policy, path = ""): { rule?: string } {
  const index = /^rules\[(\d+)\]/.exec(path)?.[1];
  const rule = index === undefined ? undefined : policy.rules[Number(index)]?.id;
  return rule ? { rule } : {};
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
  if (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE") return start + unitsInQuotes(source, offset);
  if (node.type !== "BLOCK_LITERAL") return start;
  const before = value.slice(0, offset).split("\n");
  const sourceLines = source.split("\n");
  const target = sourceLines[before.length];
  if (target === undefined) return start;
  const valueLine = value.split("\n")[before.length - 1] ?? "";
  const lineStart = sourceLines.slice(0, before.length).join("\n").length + 1;
  return start + lineStart + Math.max(0, target.indexOf(valueLine)) + (before.at(-1)?.length ?? 0);
}

/** How far into a quoted text of one line the unit `offset` of its value stands. */
function unitsInQuotes(source: string, offset: number): number {
  const pair = source.startsWith("'") ? /''/y : /\\(?:x..|u....|U.{8}|.)/y;
  let at = 1;
  for (let unit = 0; unit < offset; unit++) {
    pair.lastIndex = at;
    at += pair.exec(source)?.[0].length ?? 1;
  }
  return source.includes("\n") ? 0 : at;
}
