// Hostile texts and JSON, as fast-check arbitraries. JSON is made as text, because duplicate keys, huge numbers and half surrogates are no values.
import fc from "fast-check";

const escaped = ["\\u0000", "\\ud800", "\\udc00x", "\\ud83d\\ude00", "\\u202e", '\\"', "\\\\", "\\b\\f\\n\\r\\t"];
const tricky = [
  "",
  " ",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "Ａdmin",
  "аdmin",
  "é",
  "é",
  "👩‍👩‍👧",
  "\u202e\u2066",
  "\ufeff",
  "\u2028",
  "' OR 1=1 --",
  '"; DROP TABLE decisions; --',
  "../../etc/passwd",
  "%00%ff",
  "{{7*7}}",
  "a".repeat(33),
  "官".repeat(51),
  "@TOA#_",
];

/** Texts that people, attackers and mistakes send. Well-formed and not, short, long and huge. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...tricky) },
  { weight: 3, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 }).map((units) => String.fromCharCode(...units)) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((length) => "x".repeat(length)) },
);

/** A JSON string, with escapes of what no string may have. */
export const hostileString: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(...escaped, "a"), { maxLength: 12 }).map((parts) => `"${parts.join("")}"`) },
);

const numbers = [
  "0",
  "-0",
  "-1",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740993",
  "18446744073709551616",
  "4294967296",
  "2147483648",
  "0.1",
  "1E5",
];

const deep = fc
  .tuple(fc.constantFrom(["[", "]"], ['{"a":', "}"]), fc.integer({ min: 20, max: 20_000 }), fc.boolean())
  .map(([[open = "", close = ""], depth, closes]) => `${open.repeat(depth)}${open === "[" ? "" : "0"}${closes ? close.repeat(depth) : ""}`);

/** A JSON value of any type, or something that is nearly one. */
export const hostileJson: fc.Arbitrary<string> = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 6, arbitrary: hostileString },
    { weight: 3, arbitrary: fc.constantFrom(...numbers) },
    { weight: 2, arbitrary: fc.integer().map(String) },
    { weight: 2, arbitrary: fc.constantFrom("null", "true", "false", "NaN", "undefined", "[,]", "{", "'a'") },
    { weight: 2, arbitrary: tie("list") },
    { weight: 2, arbitrary: tie("object") },
  ),
  list: fc.array(tie("value"), { maxLength: 4 }).map((values) => `[${values.join(",")}]`),
  object: fc
    .array(fc.tuple(fc.oneof(fc.constantFrom('"a"', '"__proto__"', '"constructor"', '""'), hostileString), tie("value")), { maxLength: 4 })
    .map((members) => `{${members.map(([key, value]) => `${key}:${value}`).join(",")}}`),
})).value;

/** JSON as deep as a stack, now and then. */
export const hostileOrDeepJson: fc.Arbitrary<string> = fc.oneof({ weight: 60, arbitrary: hostileJson }, { weight: 1, arbitrary: deep });

/** A JSON object of these members, in which some are left out, replaced, doubled or joined by others. `plain` are JSON texts. */
export function hostileObject(plain: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const names = Object.keys(plain);
  const member = (name: string) =>
    fc.oneof(
      { weight: 30, arbitrary: (plain[name] ?? hostileJson).map((value) => [`${JSON.stringify(name)}:${value}`]) },
      { weight: 2, arbitrary: hostileOrDeepJson.map((value) => [`${JSON.stringify(name)}:${value}`]) },
      {
        weight: 1,
        arbitrary: fc.tuple(hostileJson, hostileJson).map((values) => values.map((value) => `${JSON.stringify(name)}:${value}`)),
      },
      { weight: 1, arbitrary: fc.constant([]) },
    );
  const more = fc.oneof(
    { weight: 8, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(hostileString, hostileJson).map(([key, value]) => [`${key}:${value}`]) },
    { weight: 1, arbitrary: hostileJson.map((value) => [`"__proto__":${value}`]) },
  );
  return fc.tuple(fc.tuple(...names.map(member)), more).map(([members, others]) => `{${[...members.flat(), ...others].join(",")}}`);
}

/** The same bytes with some of them changed, cut off, doubled or put in. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat(1_000_000),
    kind: fc.constantFrom("flip", "cut", "insert", "double"),
    byte: fc.integer({ min: 0, max: 255 }),
  });
  return fc.tuple(bytes, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([original, edits]) => edits.reduce(applyEdit, original));
}

function applyEdit(bytes: Buffer, { at, kind, byte }: { at: number; kind: string; byte: number }): Buffer {
  const place = bytes.length === 0 ? 0 : at % bytes.length;
  switch (kind) {
    case "flip": {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[place] = byte;
      return changed;
    }
    case "cut":
      return bytes.subarray(0, place);
    case "insert":
      return Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place)]);
    default:
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(Math.floor(place / 2))]);
  }
}
