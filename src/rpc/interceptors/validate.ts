// Holds every request to the rules that the schema states, before an implementation sees it.
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type Path, pathToString, type ReflectList, type ReflectMap, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { type FieldProblem, GatehouseError } from "../../errors.ts";
import { wordViolation } from "../../field-patterns.ts";
import { createQuickCheck, type QuickCheck } from "./quick-check.ts";
import { timeProblems } from "./time-problems.ts";

/** Finds what is wrong with a message by the rules of its schema: INVALID_REQUEST, which names every field; undefined when nothing is. */
export type Validate = (schema: DescMessage, message: Message) => Error | undefined;

/** Makes it; what it learns of a schema it keeps. */
export function createValidate(): Validate {
  const matches = createPatternMatcher();
  const validator = createValidator({ regexMatch: matches });
  const quickChecks = new Map<DescMessage, QuickCheck>();
  const quickCheckOf = (schema: DescMessage): QuickCheck => {
    let check = quickChecks.get(schema);
    if (check === undefined) {
      check = createQuickCheck(schema, matches);
      quickChecks.set(schema, check);
    }
    return check;
  };
  return (schema, message) => (quickCheckOf(schema)(message) ? undefined : validateWholly(validator, schema, message));
}

/** Refuses a request that breaks a rule; in a stream, each message. */
export function createValidateInterceptor(): Interceptor {
  const validate = createValidate();
  return (next) => (request) => {
    const { input } = request.method;
    if (request.stream) return next({ ...request, message: validateEach(validate, input, request.message) });
    const problem = validate(input, request.message);
    return problem === undefined ? next(request) : Promise.reject(problem);
  };
}

async function* validateEach<T extends Message>(validate: Validate, schema: DescMessage, messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) {
    const problem = validate(schema, message);
    if (problem !== undefined) throw problem;
    yield message;
  }
}

function validateWholly(validator: Validator, schema: DescMessage, message: Message): Error | undefined {
  const result = validator.validate(schema, message);
  if (result.kind === "error") return result.error;
  const violations = result.kind === "invalid" ? result.violations : [];
  const problems = [
    ...violations.map((violation) => toFieldProblem(violation, schema, message)),
    // No rule of the schema says what protobuf says of all times.
    ...timeProblems(schema, message),
  ];
  return problems.length === 0 ? undefined : invalidRequest(problems);
}

function invalidRequest(fields: readonly FieldProblem[]): GatehouseError {
  const first = fields[0] === undefined ? "" : `${fields[0].field}: ${fields[0].description}`;
  const message =
    fields.length === 1 ? `The request has 1 problem: ${first}` : `The request has ${fields.length} problems, the first: ${first}`;
  return new GatehouseError(ErrorReason.INVALID_REQUEST, message, { fields });
}

function toFieldProblem(violation: Violation, schema: DescMessage, message: Message): FieldProblem {
  const field = pathToString(violation.field);
  if (violation.ruleId === "string.pattern" && !isWellFormed(valueAt(reflect(schema, message), violation.field))) {
    return { field, description: "must be well-formed Unicode, and has a surrogate without its other half" };
  }
  const description = wordViolation(violation.message);
  return { field, description: violation.forKey ? `its key ${description}` : description };
}

function isWellFormed(value: unknown): boolean {
  return typeof value !== "string" || value.isWellFormed();
}

/** The value that a path leads to; for a violation of a map's key, that is the value under it. */
function valueAt(root: ReflectMessage, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    if (step.kind === "field") return (value as ReflectMessage).get(step);
    if (step.kind === "list_sub") return (value as ReflectList).get(step.index);
    return step.kind === "map_sub" ? (value as ReflectMap).get(step.key) : value;
  }, root);
}

/**
 * Matches with the platform's expressions, each compiled once. They may backtrack, which is safe here because every pattern is a constant of our
 * schema and linear; user patterns never come this way. A string that is not well-formed Unicode matches nothing, because it could not be
 * stored and read back as it is.
 */
function createPatternMatcher(): (pattern: string, against: string) => boolean {
  const compiled = new Map<string, RegExp>();
  return (pattern, against) => {
    let expression = compiled.get(pattern);
    if (expression === undefined) {
      expression = new RegExp(pattern, "u");
      compiled.set(pattern, expression);
    }
    return against.isWellFormed() && expression.test(against);
  };
}
