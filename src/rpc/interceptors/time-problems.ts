// Times that are none: protobuf's binary form can hold more than its JSON, and one such time would make everything unreadable that it stands in.
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { FieldProblem } from "../../errors.ts";

/** The years 1 to 9999, in seconds since 1970. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

export function isTimestamp(schema: DescMessage): boolean {
  return schema.typeName === TimestampSchema.typeName;
}

/** Whether it is a time that every form of protobuf can hold. */
export function isTime({ seconds, nanos }: Timestamp): boolean {
  return seconds >= firstSecond && seconds <= lastSecond && nanos >= 0 && nanos <= 999_999_999;
}

/** The times in a message that are none, by their paths. */
export function timeProblems(schema: DescMessage, message: Message, path = ""): FieldProblem[] {
  if (isTimestamp(schema)) return isTime(message as Timestamp) ? [] : [{ field: path, description }];
  return schema.members.flatMap((member) => {
    const value = (message as unknown as Record<string, unknown>)[member.localName];
    if (member.kind === "field") return inField(member, value, path);
    const { case: set, value: chosen } = value as { case: string | undefined; value?: unknown };
    const field = member.fields.find(({ localName }) => localName === set);
    return field === undefined ? [] : inField(field, chosen, path);
  });
}

const description = "must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";

function inField(field: DescField, value: unknown, path: string): FieldProblem[] {
  if (field.message === undefined || value === undefined) return [];
  const { message: schema, name } = field;
  const own = path === "" ? name : `${path}.${name}`;
  switch (field.fieldKind) {
    case "message":
      return timeProblems(schema, value as Message, own);
    case "list":
      return (value as Message[]).flatMap((item, i) => timeProblems(schema, item, `${own}[${i}]`));
    case "map":
      return Object.entries(value as Record<string, Message>).flatMap(([key, item]) => timeProblems(schema, item, `${own}["${key}"]`));
    default:
      return [];
  }
}
