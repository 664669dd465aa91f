// Requests of every method of the services, made from their schema: as JSON and as protobuf, with hostile values, of wrong types, and as any bytes.
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromJsonString,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { AccountService } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../../../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { DecisionService } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErasureService } from "../../../gen/gatehouse/v1/erasure_service_pb.ts";
import { FeedService } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../../../gen/gatehouse/v1/policy_service_pb.ts";
import { benchApp } from "../requests.ts";
import { hostileJson, hostileOrDeepJson, hostileText, mutated } from "./hostile.ts";

/** The services whose methods are called. */
export const fuzzedServices: readonly DescService[] = [
  AccountService,
  AuditService,
  CaseService,
  DecisionService,
  ErasureService,
  FeedService,
  KeyService,
  ListService,
  ModerationService,
  PolicyService,
];

/** Decide and Record are what is called most, and what leaves most behind. */
const frequent = [ModerationService.method.decide, ModerationService.method.record, ModerationService.method.recordBatch];

/** A method, drawn as often as it is worth it. */
export const methods: fc.Arbitrary<DescMethod> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<DescMethod[]>(...frequent) },
  { weight: 3, arbitrary: fc.constantFrom(...fuzzedServices.flatMap((service) => service.methods)) },
);

const policies = [
  "name: a\nrules: []\n",
  'name: b\nlists: { staff: { kind: exact } }\nrules:\n  - { id: x, on: [create_account], when: inList(operator, "staff"), then: { allow: {} } }\n',
  'name: c\nrules:\n  - { id: y, on: [create_account], when: name.size() > 10, then: { deny: { code: 120001, message: "long" } } }\n',
  "name: d\nrules:\n  - { id: z, on: [create_account], when: 1 / 0 > name, then: { flag: {} } }\n",
  "a: &a [*a, *a]\n",
  "{".repeat(500),
];

/** Texts that mean something to some field. */
const meaningful = fc.oneof(
  { weight: 4, arbitrary: fc.nat(30).map((n) => `@TOA#_${n}`) },
  { weight: 3, arbitrary: fc.nat(50).map((n) => `user-${n}`) },
  { weight: 1, arbitrary: fc.constantFrom("staff", "live", "") },
  { weight: 1, arbitrary: fc.constantFrom(...policies) },
);

const time = fc
  .oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 253_402_300_799 }) },
    { weight: 1, arbitrary: fc.constantFrom(-1, -62_135_596_800) },
  )
  .map((seconds) => JSON.stringify(new Date(seconds * 1000).toISOString()));

function scalar(type: ScalarType): fc.Arbitrary<string> {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof({ weight: 7, arbitrary: meaningful }, { weight: 1, arbitrary: hostileText }).map((text) => JSON.stringify(text));
    case ScalarType.BOOL:
      return fc.boolean().map(String);
    case ScalarType.BYTES:
      return fc.base64String({ maxLength: 40 }).map((text) => JSON.stringify(text));
    default:
      return fc.oneof({ weight: 3, arbitrary: fc.nat(3).map(String) }, { weight: 1, arbitrary: fc.integer().map(String) });
  }
}

/** What a field of that name has when it is to mean something. */
const plainByName: Readonly<Record<string, fc.Arbitrary<string>>> = {
  app_id: fc.constant(String(benchApp)),
  list: fc.constantFrom("staff", "banned_users", "protected_names").map((name) => JSON.stringify(name)),
  value: fc.nat(200).map((n) => `"user-${n}"`),
  page_size: fc.nat(50).map(String),
  page_token: fc.constant('""'),
  cursor: fc.constant('""'),
  text: fc.constantFrom(...policies).map((text) => JSON.stringify(text)),
  raw_json: hostileJson.map((text) => JSON.stringify(`{"MsgType":"TIMTextElem","MsgContent":{"Text":${text}}}`)),
};

function fieldValue(field: DescField, depth: number): fc.Arbitrary<string> {
  const plain = field.fieldKind === "scalar" ? plainByName[field.name] : undefined;
  return plain === undefined
    ? anyFieldValue(field, depth)
    : fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: anyFieldValue(field, depth) });
}

function anyFieldValue(field: DescField, depth: number): fc.Arbitrary<string> {
  const one = (kind: DescField): fc.Arbitrary<string> => {
    if (kind.message !== undefined) return jsonOf(kind.message, depth - 1);
    if (kind.enum !== undefined) return fc.constantFrom(...kind.enum.values.map(({ name }) => JSON.stringify(name)), "99");
    return scalar(kind.scalar ?? ScalarType.STRING);
  };
  if (field.fieldKind === "list") return fc.array(one(field), { maxLength: 4 }).map((values) => `[${values.join(",")}]`);
  if (field.fieldKind === "map") return fc.tuple(hostileText, one(field)).map(([key, value]) => `{${JSON.stringify(key)}:${value}}`);
  return one(field);
}

/** JSON for a message; now and then with a value of a wrong type, a field that there is not, or both of a oneof. */
function jsonOf(schema: DescMessage, depth: number): fc.Arbitrary<string> {
  if (schema.typeName === "google.protobuf.Timestamp") return time;
  if (schema.typeName === "google.protobuf.Duration") return fc.integer().map((seconds) => `"${seconds}s"`);
  if (depth <= 0) return fc.constant("{}");
  const member = (field: DescField) =>
    fc.oneof(
      { weight: 40, arbitrary: fieldValue(field, depth).map((value) => [`"${field.jsonName}":${value}`]) },
      { weight: 20, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: hostileOrDeepJson.map((value) => [`"${field.jsonName}":${value}`]) },
    );
  const members = schema.members.map((one) =>
    one.kind === "oneof"
      ? fc.constantFrom(...one.fields).chain((field) => fieldValue(field, depth).map((value) => [`"${field.jsonName}":${value}`]))
      : member(one),
  );
  const more = fc.oneof(
    { weight: 40, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(hostileText, hostileOrDeepJson).map(([key, value]) => [`${JSON.stringify(key)}:${value}`]) },
    { weight: 1, arbitrary: fc.constant(['"__proto__":{"appId":1}']) },
  );
  return fc.tuple(fc.tuple(...members), more).map(([found, others]) => `{${[...found.flat(), ...others].join(",")}}`);
}

const depth = 5;
const jsonBySchema = new Map<DescMessage, fc.Arbitrary<string>>();

/** A request of the method as JSON text. */
export function jsonRequest({ input }: DescMethod): fc.Arbitrary<string> {
  let found = jsonBySchema.get(input);
  if (found === undefined) {
    found = fc.oneof({ weight: 30, arbitrary: jsonOf(input, depth) }, { weight: 1, arbitrary: hostileOrDeepJson });
    jsonBySchema.set(input, found);
  }
  return found;
}

/** Fields of any number and type, one after the other, some of them the start of what never ends. */
const anyFields = fc
  .array(
    fc.tuple(
      fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(536_870_911, 100)),
      fc.constantFrom(0, 1, 2, 3, 4, 5),
      fc.uint8Array({ maxLength: 30 }),
    ),
    { maxLength: 8 },
  )
  .map((fields) => {
    const writer = new BinaryWriter();
    for (const [number, type, bytes] of fields) {
      writer.tag(number, type);
      if (type === 2) writer.bytes(bytes);
      else writer.raw(bytes);
    }
    return Buffer.from(writer.finish());
  });

/** A request of the method as protobuf. Strings that are not well-formed become what UTF-8 cannot hold only by the changed bytes. */
export function binaryRequest(method: DescMethod): fc.Arbitrary<Buffer> {
  const encoded = jsonRequest(method).map((json) => {
    try {
      return Buffer.from(toBinary(method.input, fromJsonString(method.input, json, { ignoreUnknownFields: true })));
    } catch {
      return Buffer.from(json);
    }
  });
  return fc.oneof({ weight: 20, arbitrary: encoded }, { weight: 3, arbitrary: mutated(encoded) }, { weight: 1, arbitrary: anyFields });
}
