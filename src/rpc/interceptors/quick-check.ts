// A quick look at a message: most requests keep every rule, and to see that need not cost what finding a broken one does.
import { type DescEnum, type DescField, type DescMessage, getOption, hasOption, type Message, ScalarType } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  field as fieldRules,
  Ignore,
  oneof as oneofRules,
  type StringRules,
} from "../../../gen/buf/validate/validate_pb.ts";
import { isTime, isTimestamp } from "./time-problems.ts";

/**
 * True when the message certainly keeps the rules of its schema and its times are times; false when not, or when it has rules that are not looked at here. Knows the
 * rules of our subset of buf.validate; what it does not know makes it answer false, so that protovalidate has the last word.
 */
export type QuickCheck = (message: Message) => boolean;

type Check = (value: unknown) => boolean;

const pass: Check = () => true;
const unsure: Check = () => false;

/** Compiles the check of one schema. `matches` tells whether a text matches a pattern. */
export function createQuickCheck(schema: DescMessage, matches: (pattern: string, text: string) => boolean): QuickCheck {
  const known = new Map<string, { check: Check }>();

  function messageCheck(desc: DescMessage): Check {
    if (isTimestamp(desc)) return (value) => isTime(value as Timestamp);
    const existing = known.get(desc.typeName);
    if (existing !== undefined) return (value) => existing.check(value);
    const entry = { check: unsure };
    known.set(desc.typeName, entry);
    const checks: ((message: Record<string, unknown>) => boolean)[] = [];
    for (const member of desc.members) {
      if (member.kind === "oneof") {
        const required = hasOption(member, oneofRules) && getOption(member, oneofRules).required;
        const cases = new Map(member.fields.map((field) => [field.localName, fieldCheck(field)]));
        const name = member.localName;
        checks.push((message) => {
          const { case: set, value } = message[name] as { case: string | undefined; value?: unknown };
          return set === undefined ? !required : (cases.get(set) ?? unsure)(value);
        });
        continue;
      }
      const check = fieldCheck(member);
      const required = hasOption(member, fieldRules) && getOption(member, fieldRules).required;
      if (check === pass && !required) continue;
      const name = member.localName;
      checks.push((message) => {
        const value = message[name];
        return value === undefined ? !required : check(value);
      });
    }
    entry.check = checks.length === 0 ? pass : (value) => checks.every((check) => check(value as Record<string, unknown>));
    return entry.check;
  }

  function fieldCheck(field: DescField): Check {
    const rules = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
    const { type } = rules ?? { type: undefined };
    if (rules !== undefined && hasUnknownRules(rules)) return unsure;
    switch (field.fieldKind) {
      case "message":
        return type?.case === undefined ? messageCheck(field.message) : unsure;
      case "scalar":
        return valueCheck(field.scalar, rules);
      case "enum":
        return enumCheck(field.enum, rules);
      case "list": {
        if (type?.case !== undefined && type.case !== "repeated") return unsure;
        const { minItems, maxItems, items } = type?.value ?? { minItems: 0n, maxItems: 0n, items: undefined };
        const min = Number(minItems);
        const max = maxItems === 0n ? Number.POSITIVE_INFINITY : Number(maxItems);
        const item = field.listKind === "message" ? messageCheck(field.message) : valueCheck(field.scalar ?? ScalarType.BYTES, items);
        return (value) => {
          const list = value as unknown[];
          return list.length >= min && list.length <= max && list.every(item);
        };
      }
      case "map":
        return type?.case === undefined && field.mapKind !== "message" ? pass : unsure;
    }
  }

  function valueCheck(scalar: ScalarType, rules: FieldRules | undefined): Check {
    const type = rules?.type;
    if (type?.case === undefined) return pass;
    if (rules !== undefined && hasUnknownRules(rules)) return unsure;
    if (type.case === "string" && scalar === ScalarType.STRING) return stringCheck(type.value);
    if (type.case !== "uint32" && type.case !== "int32") return unsure;
    const { lessThan, greaterThan } = type.value;
    return (value) => {
      const number = value as number;
      if (lessThan.case === "lte" && number > lessThan.value) return false;
      if (greaterThan.case === "gte" && number < greaterThan.value) return false;
      return !(greaterThan.case === "gt" && number <= greaterThan.value);
    };
  }

  function stringCheck({ minBytes, maxBytes, pattern }: StringRules): Check {
    const min = Number(minBytes);
    const max = maxBytes === 0n ? Number.POSITIVE_INFINITY : Number(maxBytes);
    return (value) => {
      const text = value as string;
      // A UTF-16 unit is one to three bytes.
      if (text.length < min && Buffer.byteLength(text) < min) return false;
      if (text.length * 3 > max && Buffer.byteLength(text) > max) return false;
      return pattern === "" || matches(pattern, text);
    };
  }

  function enumCheck(desc: DescEnum, rules: FieldRules | undefined): Check {
    const type = rules?.type;
    if (type?.case === undefined) return pass;
    if (type.case !== "enum") return unsure;
    const { definedOnly, notIn } = type.value;
    return (value) => (!definedOnly || desc.value[value as number] !== undefined) && !notIn.includes(value as number);
  }

  return messageCheck(schema);
}

/** Whether there are rules that our subset of the schema has no names for. */
function hasUnknownRules(rules: FieldRules): boolean {
  const ofType = rules.type.value?.$unknown ?? [];
  return (rules.$unknown ?? []).length > 0 || ofType.length > 0 || rules.ignore !== Ignore.UNSPECIFIED;
}
