// The codecs of decisions and events: nothing of a message is lost, and rows of a newer schema can be read.
import { create, type DescField, type DescMessage, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DecisionSchema, Effect, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElement } from "../../src/elements/complete-element.ts";
import { decodeDecision, encodeDecision, encodeShadow } from "../../src/storage/decision-codec.ts";
import { decodeEvent, encodeEvent } from "../../src/storage/event-codec.ts";
import { changedEvent, sampleDecision } from "./samples.ts";

/** A message in JSON with something in every field; of a oneof, in the case that is named. */
function filled(message: DescMessage, oneofCase?: string): JsonObject {
  // All of an element follows from its JSON.
  if (message.typeName === MessageElementSchema.typeName) return toJson(MessageElementSchema, completeElement({ rawJson })) as JsonObject;
  const json: JsonObject = {};
  for (const field of message.fields) {
    if (field.oneof !== undefined && field.localName !== oneofCase) continue;
    json[field.jsonName] = filledField(field);
  }
  return json;
}

function filledField(field: DescField): JsonValue {
  switch (field.fieldKind) {
    case "message":
      return field.message.typeName === "google.protobuf.Timestamp" ? "2024-05-06T07:08:09.123Z" : filled(field.message);
    case "list":
      return field.listKind === "message" ? [filled(field.message), filled(field.message)] : ["one", "Two"];
    case "map":
      return { key: "value", __proto__x: "" };
    case "enum":
      return field.enum.values.at(-1)?.number ?? 0;
    case "scalar":
      return scalars[field.scalar] ?? field.localName;
  }
}

const rawJson = '{ "MsgType":"TIMFaceElem", "MsgContent":{"Index":1.0,"Data":"\\u0061"},"More":[1e2] }';

/** By the number of the scalar type: int32, bool, uint32; all others here are strings. */
const scalars: Record<number, JsonValue> = { 5: 120_001, 8: true, 13: 4_294_967_295 };

function casesOf(message: DescMessage): string[] {
  return message.oneofs.flatMap((oneof) => oneof.fields.map(({ localName }) => localName));
}

describe("the codec of decisions", () => {
  it.each(casesOf(DecisionSchema))("loses nothing of a decision on %s with something in every field", (oneofCase) => {
    const { followUp: _, followUpEventId: __, followUpTime: ___, subscriberFollowUps: ____, ...made } = filled(DecisionSchema, oneofCase);
    const decision = fromJson(DecisionSchema, { ...made, preview: false });
    expect(decision.action.case).toBe(oneofCase);
    const { shadow } = decision;
    if (shadow === undefined) throw new Error("The decision has no shadow outcome.");
    const shadowRow = { policyVersion: shadow.policyVersion, body: encodeShadow(shadow) };
    expect(decodeDecision(decision.decisionId, encodeDecision(decision), shadowRow)).toEqual(decision);
  });

  it("writes nothing for what is empty", () => {
    const decision = create(DecisionSchema, { verdict: Verdict.ALLOW, matches: [{ rule: "r", effect: Effect.FLAG }] });
    expect(JSON.parse(encodeDecision(decision).body)).toEqual({ matches: [{ rule: "r", effect: Effect.FLAG }] });
    expect(encodeDecision(create(DecisionSchema)).body).toBe("{}");
  });

  it("loses nothing of an empty decision", () => {
    expect(decodeDecision("", encodeDecision(create(DecisionSchema)))).toEqual(create(DecisionSchema));
  });

  it("passes over what a newer schema has put there", () => {
    const row = encodeDecision(sampleDecision());
    const newer = JSON.stringify({ ...(JSON.parse(row.body) as object), changeOwner: { text: "x" }, score: 0.5 });
    expect(decodeDecision("dec-1", { ...row, body: newer })).toEqual({ ...sampleDecision(), decisionId: "dec-1" });
  });
});

describe("the codec of events", () => {
  it.each(casesOf(EventSchema))("loses nothing of an event %s with something in every field", (oneofCase) => {
    const { followUp: _, decisionId: __, subscriberFollowUps: ___, ...recorded } = filled(EventSchema, oneofCase);
    const event = fromJson(EventSchema, recorded);
    expect(event.event.case).toBe(oneofCase);
    expect(decodeEvent(event.eventId, encodeEvent(event))).toEqual(event);
  });

  it("tells a field that is set and empty from one that is not set", () => {
    const event = changedEvent("a", undefined, { name: "" });
    const decoded = decodeEvent("", encodeEvent(event));
    expect(decoded.event.value).toHaveProperty("name", "");
    expect(decoded.event.value).not.toHaveProperty("introduction", "");
  });
});
