// Reads the tests of a policy, and checks that they fit the policy.
import { type PolicySuite, PolicySuiteSchema, type PolicyTest } from "../../gen/gatehouse/v1/policy_suite_pb.ts";
import { completeElements, MalformedElement } from "../elements/complete-element.ts";
import { didYouMean } from "../nearest.ts";
import type { CompiledPolicy } from "./compile.ts";
import { type DocumentKind, type Position, readDocument } from "./document.ts";
import { checkEntry } from "./list-matchers.ts";
import type { PolicyProblem } from "./problems.ts";
import { runAtOnce } from "./steps.ts";
import { actionNames, type Subject, type SubjectCase, type SubjectSpec, subjectSpecs } from "./vocabulary.ts";

/** Tests as they were read. */
export interface Suite {
  source: PolicySuite;
  /** Where the value at a path such as `tests[3].want` stands in the text. */
  positionOf(path: string): Position;
}

const suiteKind: DocumentKind<typeof PolicySuiteSchema> = {
  schema: PolicySuiteSchema,
  noun: "suite",
  advice: { empty: "It needs tests.", tooLong: "Split it into several suites that name their policy." },
};

/** Reads a suite's text, YAML or JSON. Either a suite or at least one problem; all problems at once. */
export function readSuite(text: string): { suite: Suite; problems: [] } | { suite: undefined; problems: PolicyProblem[] } {
  const { document, problems } = runAtOnce(readDocument(suiteKind, text));
  if (document === undefined) return { suite: undefined, problems };
  const suite: Suite = { source: document.message, positionOf: (path) => document.positionOf(path) };
  if (problems.length === 0) problems.push(...completeMessages(suite), ...namesTwice(suite), ...thinWants(suite));
  return problems.length === 0 ? { suite, problems: [] } : { suite: undefined, problems };
}

/** Makes the elements of messages complete; what is wrong with those that cannot be. */
function* completeMessages({ source, positionOf }: Suite): Generator<PolicyProblem> {
  for (const [index, { subject }] of source.tests.entries()) {
    if (subject.case !== "sendMessage" && subject.case !== "messageSent") continue;
    try {
      subject.value.elements = completeElements(subject.value.elements);
    } catch (error) {
      if (!(error instanceof MalformedElement)) throw error;
      const place = `tests[${index}].${subjectSpecs[subject.case].name}.${error.field}`;
      yield { ...positionOf(place), message: `${place} ${error.message}.` };
    }
  }
}

/** What a suite says that its policy knows nothing of. */
export function checkSuite(suite: Suite, policy: CompiledPolicy): PolicyProblem[] {
  const { source } = suite;
  const problems = [...misfitsOfWorld(suite, policy, source.given, "given"), ...misfitsOfSignals(suite, policy, source.given, "given")];
  for (const [index, test] of source.tests.entries()) {
    const given = `tests[${index}].given`;
    problems.push(...misfitsOfWorld(suite, policy, test.given, given), ...misfitsOfSignals(suite, policy, test.given, given));
    problems.push(...misfitsOfWant(suite, policy, test, index));
  }
  return problems;
}

/** What a test asks; a suite that was read has one in every test. */
export function subjectOf(test: PolicyTest): Subject {
  if (test.subject.case === undefined) throw new Error(`The test "${test.name}" asks nothing.`);
  return test.subject;
}

/** The specification of what a test asks. */
function specOf(subject: Subject): SubjectSpec<SubjectCase> {
  return subjectSpecs[subject.case] as SubjectSpec<SubjectCase>;
}

function* namesTwice({ source, positionOf }: Suite): Generator<PolicyProblem> {
  const first = new Map<string, number>();
  for (const [index, { name }] of source.tests.entries()) {
    const before = first.get(name);
    if (before === undefined) first.set(name, index);
    else {
      const { line } = positionOf(`tests[${before}].name`);
      yield { ...positionOf(`tests[${index}].name`), message: `Another test has this name already, on line ${line}.` };
    }
  }
}

/** Tests that would pass whatever the policy says. */
function* thinWants({ source, positionOf }: Suite): Generator<PolicyProblem> {
  for (const [index, test] of source.tests.entries()) {
    const { want } = test;
    if (want === undefined || want.verdict !== 0) continue;
    const at = positionOf(`tests[${index}].want`);
    if (!specOf(subjectOf(test)).isEvent) {
      yield { ...at, message: `tests[${index}].want must say at least the verdict, such as verdict: allow.` };
    } else if (want.matches === undefined && want.matchesInclude === undefined && want.flags === undefined) {
      yield { ...at, message: `tests[${index}].want must say matches, matches_include or flags: an event is always allowed.` };
    }
  }
}

function* misfitsOfWorld(
  { positionOf }: Suite,
  policy: CompiledPolicy,
  world: PolicySuite["given"],
  path: string,
): Generator<PolicyProblem> {
  for (const [list, { entries }] of Object.entries(world?.lists ?? {})) {
    const place = `${path}.lists["${list}"]`;
    const kind = policy.listKinds.get(list);
    if (kind === undefined) {
      const message = `The policy declares no list "${list}".${oneOf(list, [...policy.listKinds.keys()])}`;
      yield { ...positionOf(place), message };
      continue;
    }
    for (const [index, entry] of entries.entries()) {
      const message = checkEntry(kind, entry);
      if (message !== undefined) yield { ...positionOf(`${place}[${index}]`), message };
    }
  }
  for (const [index, { action }] of (world?.rates ?? []).entries()) {
    const message = `There is no action "${action}".${oneOf(action, actionNames)}`;
    if (!actionNames.includes(action)) yield { ...positionOf(`${path}.rates[${index}].action`), message };
    else if (!policy.rates.some((rate) => rate.action === action)) {
      yield { ...positionOf(`${path}.rates[${index}]`), message: `No rule of the policy asks rate("${action}", …).` };
    }
  }
}

function* misfitsOfSignals(
  { positionOf }: Suite,
  { signals }: CompiledPolicy,
  world: PolicySuite["given"],
  path: string,
): Generator<PolicyProblem> {
  const asked = [...new Set(signals.map(({ signal }) => signal))];
  for (const [index, { signal }] of (world?.signals ?? []).entries()) {
    if (asked.includes(signal)) continue;
    const message = `No rule of the policy asks signal("${signal}", …).${oneOf(signal, asked)}`;
    yield { ...positionOf(`${path}.signals[${index}].signal`), message };
  }
}

function* misfitsOfWant({ positionOf }: Suite, policy: CompiledPolicy, test: PolicyTest, index: number): Generator<PolicyProblem> {
  const subject = subjectOf(test);
  const spec = specOf(subject);
  const rules = policy.programs[subject.case].rules.map((rule) => rule.id);
  const items: readonly string[] = spec.each?.items(subject.value as never) ?? [];
  const { matches, matchesInclude, flags, refused, text, elementTypes, customData } = test.want ?? {};
  const problem = (place: string, message: string): PolicyProblem => ({ ...positionOf(`tests[${index}].want.${place}`), message });
  const named = [
    ...(matches?.names ?? []).map((name, i) => ({ name, place: `matches[${i}]` })),
    ...(matchesInclude?.names ?? []).map((name, i) => ({ name, place: `matches_include[${i}]` })),
    ...Object.keys(flags?.severities ?? {}).map((name) => ({ name, place: `flags["${name}"]` })),
  ];
  for (const { name, place } of named) {
    const slash = name.indexOf("/");
    const rule = slash === -1 ? name : name.slice(0, slash);
    if (!rules.includes(rule)) yield problem(place, `The policy has no rule "${rule}" on ${spec.name}.${oneOf(rule, rules)}`);
    else if (slash !== -1 && !items.includes(name.slice(slash + 1))) yield problem(place, notAsked(name.slice(slash + 1), spec));
  }
  for (const [place, wanted] of Object.entries({ text, element_types: elementTypes, custom_data: customData })) {
    if (wanted !== undefined && subject.case !== "sendMessage") yield problem(place, `${spec.name} sends no message.`);
  }
  for (const [i, name] of (refused?.names ?? []).entries()) {
    if (!items.includes(name)) yield problem(`refused[${i}]`, notAsked(name, spec));
  }
}

function notAsked(item: string, { name, each }: SubjectSpec<SubjectCase>): string {
  return each === undefined ? `${name} asks about nobody by name.` : `"${item}" is not among the users that the test asks about.`;
}

function oneOf(name: string, known: readonly string[]): string {
  return didYouMean(name, known) || (known.length === 0 ? " It has none." : ` There are: ${known.join(", ")}.`);
}
