// Parses YAML, or JSON, within limits: what a hostile text can make the parser do is bounded before it does it.
import { Composer, CST, type Document, Lexer, type LineCounter, type ParsedNode, Parser } from "yaml";
import type { Steps } from "./steps.ts";

/** What a text may have at most. A policy of 1000 rules with labels has some 100 000 tokens, 7 levels and nothing that is special. */
export const yamlLimits = {
  /** Words, signs, spaces before them and ends of lines, as the lexer of the YAML library counts them. */
  tokens: 200_000,
  /** Lists and mappings within each other; `a: b: c` makes a level too, however wrong it is. */
  levels: 250,
  /** Anchors, aliases, tags, directives and escapes that mean nothing: what a policy has no use for, and what takes the parser longest. */
  specials: 1000,
};

const specialTypes: ReadonlySet<string | null> = new Set(["anchor", "alias", "tag", "directive-line"]);

/** The escapes that YAML knows in double quotes. */
const goodEscapes = /\\(?:[0abefnrtvNLP_ "/\\\t\r\n]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U00(?:0[\da-fA-F]|10)[\da-fA-F]{4})/g;

/** How many tokens make a step: some milliseconds. */
const tokensPerStep = 1000;

/** What is wrong with a text, and at which offset. */
type Complain = (offset: number, message: string) => void;

/**
 * Parses a text of one document, and tells `lines` where its lines begin. Results in undefined when anything is wrong, which `complain` has heard
 * of by then; `what` names the text in messages, such as `The policy`.
 */
export function* parseYaml(text: string, lines: LineCounter, what: string, complain: Complain): Steps<ParsedNode | null | undefined> {
  try {
    const document = yield* composeWithinLimits(text, lines, what, complain);
    if (document === undefined) return undefined;
    if (document.errors.some((error) => error.message.includes("call stack"))) throw new RangeError();
    let lastLine = 0;
    for (const error of [...document.errors, ...document.warnings]) {
      // What follows on the same line is mostly a consequence.
      const { line } = lines.linePos(error.pos[0]);
      if (line !== lastLine) complain(error.pos[0], `${error.message.split("\n", 1)[0]}.`.replace("..", "."));
      lastLine = line;
    }
    return document.errors.length > 0 ? undefined : document.contents;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    complain(0, `${what} is nested too deeply to be read.`);
    return undefined;
  }
}

function* composeWithinLimits(text: string, lines: LineCounter, what: string, complain: Complain): Steps<Document.Parsed | undefined> {
  const parser = new Parser(lines.addNewLine);
  // The reader of messages sees to unique keys: here they take time quadratic in their number.
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  let document: Document.Parsed | undefined;
  /** Whether there is nothing more to be read: another document begins. */
  function take(composed: Iterable<Document.Parsed>): boolean {
    for (const one of withoutCallStacks(() => [...composed])) {
      if (document !== undefined) {
        complain(one.range[0], "Another YAML document begins here; there can be only one.");
        return true;
      }
      document = one;
    }
    return false;
  }

  let [tokens, specials] = [0, 0];
  lines.addNewLine(0);
  for (const source of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens % tokensPerStep === 0) yield;
    specials += specialsIn(source);
    for (const token of parser.next(source)) if (take(composer.next(token))) return undefined;
    const excess = excessOf(tokens, specials, parser.stack.length);
    if (excess !== undefined) {
      complain(parser.offset, `${what} ${excess}`);
      return undefined;
    }
  }
  yield;
  for (const token of parser.end()) if (take(composer.next(token))) return undefined;
  return take(composer.end(true, text.length)) ? undefined : document;
}

/** Of every mistake the library makes an error, which takes five times as long with its call stack, and nobody looks at that. */
function withoutCallStacks<Result>(run: () => Result): Result {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** How many specials a token is, or has in it. */
function specialsIn(source: string): number {
  const type = CST.tokenType(source);
  if (specialTypes.has(type)) return 1;
  return type === "double-quoted-scalar" ? source.replaceAll(goodEscapes, "").split("\\").length - 1 : 0;
}

/** What there is too much of, and what to do; undefined when nothing is. */
function excessOf(tokens: number, specials: number, levels: number): string | undefined {
  if (levels > yamlLimits.levels) return `is nested too deeply here: at most ${yamlLimits.levels} levels are allowed.`;
  if (specials > yamlLimits.specials) {
    return `has more than ${yamlLimits.specials} anchors, aliases, tags, directives and wrong escapes, which begin with &, *, !, % and \\; write the values out.`;
  }
  if (tokens <= yamlLimits.tokens) return undefined;
  return `has more than ${yamlLimits.tokens} words, signs and ends of lines, up to here; make it smaller.`;
}
