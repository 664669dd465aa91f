// `gatehouse policy functions`: shows what conditions can read and call.
import { celBuiltIns } from "../../policy/cel-built-ins.ts";
import { functionSpecs, refusedFunctions } from "../../policy/functions.ts";
import { commonFields, type FieldSpec, subjectSpecs } from "../../policy/vocabulary.ts";
import { type Command, parseFlags, UsageError } from "../command.ts";
import { fields } from "../text.ts";

const width = 110;

/** Prints every function, and every field by what it is asked about. */
export const policyFunctions: Command["run"] = async (args, io) => {
  const { values: flags, positionals } = parseFlags(args, { json: { type: "boolean" } } as const);
  if (positionals.length > 0) throw new UsageError("policy functions takes no arguments.");
  io.stdout.write(flags.json ? asJson() : asText());
  return 0;
};

function asJson(): string {
  const listed = (of: Record<string, FieldSpec>) => Object.entries(of).map(([name, { type, meaning }]) => ({ name, type, meaning }));
  return `${JSON.stringify({
    functions: Object.entries(functionSpecs).map(([name, { signature, overloads = [], meaning, example }]) => ({
      name,
      signatures: [signature, ...overloads],
      meaning,
      example,
    })),
    commonFields: listed(commonFields),
    subjects: Object.values(subjectSpecs).map(({ name, isEvent, effects, fields: own }) => ({
      name,
      isEvent,
      effects,
      fields: listed(own),
    })),
    celBuiltIns,
    refusedFunctions,
  })}\n`;
}

function asText(): string {
  const functions = Object.values(functionSpecs).map(({ signature, overloads = [], meaning, example }) => {
    const signatures = [signature, ...overloads].map((one) => `  ${one}\n`).join("");
    return `${signatures}${wrapped(meaning, 6)}      ${example}\n\n`;
  });
  const subjects = Object.values(subjectSpecs).map(
    ({ name, isEvent, effects, fields: own }) => `${name} (${isEvent ? "event" : "action"}; ${effects.join(", ")})\n${fieldsText(own)}\n`,
  );
  const { operators, functions: calls, ofTexts, ofLists, ofTimes } = celBuiltIns;
  const ownOfCel = [
    `The operators ${operators.join(" ")}; ${calls.join("() ")}(); on texts .${ofTexts.join("() .")}(); on lists .${ofLists.join("() .")}();`,
    `on times .${ofTimes.join("() .")}(), in UTC or with a time zone such as "Asia/Shanghai". size() of a text counts characters.`,
  ].join(" ");
  const refused = Object.values(refusedFunctions).map((why) => wrapped(`Refused: ${why}`, 2));
  return [
    "Functions of conditions:\n\n",
    ...functions,
    `Of CEL itself:\n\n${wrapped(ownOfCel, 2)}${refused.join("")}\n`,
    "Fields of conditions, and what rules can do:\n\n",
    `everything\n${fieldsText(commonFields)}\n`,
    ...subjects,
  ]
    .join("")
    .replace(/\n\n$/, "\n");
}

function fieldsText(of: Record<string, FieldSpec>): string {
  const names = Object.keys(of);
  const longest = Math.max(...Object.values(of).map(({ type }) => shortType(type).length));
  const text = fields(names.map((name) => [name, `${shortType(of[name]?.type ?? "").padEnd(longest)}  ${of[name]?.meaning ?? ""}`]));
  return text.replace(/^(?=.)/gm, "  ");
}

function shortType(type: string): string {
  return type.replace("google.protobuf.Timestamp", "timestamp");
}

/** Words in lines of the width of a terminal, indented. */
function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${" ".repeat(indent)}${one}\n`).join("");
}
