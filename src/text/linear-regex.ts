// Regular expressions that run in linear time. The only module that knows the RE2 library.
import { RE2JS, RE2JSException, RE2JSSyntaxException } from "re2js";
import { PatternError } from "./pattern-error.ts";

/** The most UTF-16 units of a regular expression, and the most instructions it may compile to. */
export const regexLimits = { maxLength: 1000, maxInstructions: 500 };

/** What RE2 leaves out because it cannot run in linear time, by how it is written. */
const unsupported: readonly (readonly [RegExp, string])[] = [
  [/`\\[1-9]`|`\\k/, "Back-references cannot run in linear time and are not supported; match the repeated text some other way"],
  [/`\(\?[=!]|`\(\?<[=!]/, "Look-ahead and look-behind cannot run in linear time and are not supported; write two conditions instead"],
  [/unsupported Perl syntax: `\(\?>/, "Atomic groups are not supported, nor needed: nothing here backtracks"],
  [/invalid nested repetition operator/, "A repetition cannot directly follow another one; put the inner one in parentheses"],
  [/invalid repeat count/, "A repetition may ask for at most 1000 in all, nested ones multiplied"],
];

/**
 * Compiles a regular expression in RE2's syntax and returns a function that says whether it matches anywhere in a text (write `^` and `$` to match
 * all of it). The function takes time of at most the length of the text times a bounded size of the expression, whatever the expression is.
 * Throws PatternError for what is too long or too large, wrong, or cannot run in linear time: back-references and look-around.
 */
export function compileLinearRegex(pattern: string): (text: string) => boolean {
  if (pattern.length > regexLimits.maxLength)
    throw new PatternError(`The regular expression is longer than ${regexLimits.maxLength} characters; make it shorter or use a list.`);
  const regex = parse(pattern);
  if (regex.programSize() > regexLimits.maxInstructions)
    throw new PatternError(
      `The regular expression is too large: it compiles to ${regex.programSize()} instructions, and ${regexLimits.maxInstructions} are the most; use smaller repetitions.`,
    );
  return (text) => regex.test(text);
}

function parse(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const reason = error.message.replace(/^error parsing regexp: /, "");
    const explained = unsupported.find(([sign]) => sign.test(reason))?.[1];
    const subject = error instanceof RE2JSSyntaxException ? (error.getPattern() ?? pattern) : pattern;
    throw new PatternError(explained === undefined ? `The regular expression is wrong: ${reason}.` : `${explained} (at ${subject}).`, {
      cause: error,
    });
  }
}
