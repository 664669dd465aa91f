// Rewritten messages: what is touched is as it should be, and every other byte is as it came.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ElementChange } from "../../gen/gatehouse/v1/decision_pb.ts";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElements } from "../../src/elements/complete-element.ts";
import { type MessageEdit, rewriteMessage } from "../../src/elements/rewrite-message.ts";
import { listMatchers } from "../../src/policy/list-matchers.ts";

const lists: Readonly<Record<string, string[]>> = {
  words: ["casino*", "赌博", "도박", "ギャンブル", "👨‍👩‍👧", "free money"],
  rivals: ["Example Shop"],
};
const find = (list: string, text: string, lookAlikes: boolean) =>
  (lookAlikes ? listMatchers.skeletons : listMatchers.phrases)(lists[list] ?? []).find(text);

const nothing: MessageEdit = { removeTypes: new Set(), removeCustomData: false, mask: undefined, replace: undefined };
const mask: MessageEdit = { ...nothing, mask: { list: "words", lookAlikes: false, mark: "*" } };
const remove = (...types: string[]): MessageEdit => ({ ...nothing, removeTypes: new Set(types) });
const replaceFinds = (text: string): MessageEdit => ({ ...nothing, replace: { search: { list: "words", lookAlikes: false }, text } });
const replaceAll = (text: string): MessageEdit => ({ ...nothing, replace: { search: undefined, text } });

/** JSON that no serializer would write so: any change of it is one of its bytes. */
const odd = {
  face: '{ "MsgContent" : {"Index":1.0 , "Data":"\\u0061"}, "MsgType":"TIMFaceElem"}',
  location: '{"MsgType":"TIMLocationElem","MsgContent":{"Latitude":29.3406567744699561,"Longitude":1.1677e2,"Desc":"caf\\u00e9"}}',
  unknown: '{"MsgType":"TIMNewElem","MsgContent":{"Big":12345678901234567890,"A":[],"A":{} }}',
  custom: '{"MsgType":"TIMCustomElem","MsgContent":{"Data":"{\\"k\\":\\"v\\"}","Desc":"d","Ext":"e\\/f"}}',
};
const text = (value: string) => JSON.stringify({ MsgType: "TIMTextElem", MsgContent: { Text: value } });

function rewrite(raws: readonly string[], edits: readonly MessageEdit[], customData = "") {
  const elements = completeElements(raws.map((rawJson) => create(MessageElementSchema, { rawJson })));
  return rewriteMessage({ elements, customData }, edits, find);
}

/** What goes out of each element: the JSON, `-` for one that was removed. */
function sent(raws: readonly string[], ...edits: MessageEdit[]): string[] | string | undefined {
  const result = rewrite(raws, edits);
  return typeof result === "object" ? result.elements.map(({ rawJson }) => rawJson || "-") : result;
}

describe("a rewritten message", () => {
  it.each<[name: string, came: string[], goes: string[]]>([
    ["English", [text("at the Casinos"), odd.face], [text("at the *******"), odd.face]],
    ["Chinese", [odd.location, text("网上赌博，来赌博吧")], [odd.location, text("网上**，来**吧")]],
    ["Korean", [text("온라인 도박을 하다"), odd.unknown], [text("온라인 **을 하다"), odd.unknown]],
    ["Korean in letters", [text("도박".normalize("NFD"))], [text("**")]],
    ["Japanese", [odd.custom, text("楽しいｷﾞｬﾝﾌﾞﾙ！")], [odd.custom, text("楽しい*****！")]],
    ["Japanese with sounds apart", [text("キ\u3099ャンフ\u3099ル")], [text("*****")]],
    ["emoji", [text("our 👨‍👩‍👧 and 👨‍👩‍👦"), odd.face], [text("our * and 👨‍👩‍👦"), odd.face]],
    ["full-width letters", [text("ＣＡＳＩＮＯへ")], [text("******へ")]],
    [
      "all at once",
      [text("casino 赌博 도박 ギャンブル 👨‍👩‍👧"), odd.face, odd.location, odd.unknown, odd.custom, text("fine")],
      [text("****** ** ** ***** *"), odd.face, odd.location, odd.unknown, odd.custom, text("fine")],
    ],
    ["a phrase over two elements", [text("get free"), odd.face.replace("\\u0061", ""), text("money now")], []],
    [
      "escapes, of which those before and after the find stay",
      ['{"MsgType":"TIMCustomElem","MsgContent":{"Ext":"\\u0061","Data":"\\u0063asino","Desc":"\\/"}}'],
      ['{"MsgType":"TIMCustomElem","MsgContent":{"Ext":"\\u0061","Data":"******","Desc":"\\/"}}'],
    ],
    [
      "texts of an element of another kind",
      ['{"MsgType":"TIMNewElem","MsgContent":{"Big":12345678901234567890,"T":["赌博","x"], "casino":1}}'],
      ['{"MsgType":"TIMNewElem","MsgContent":{"Big":12345678901234567890,"T":["**","x"], "casino":1}}'],
    ],
  ])("in %s has what was found masked and nothing else", (name, came, goes) => {
    const wanted = name === "a phrase over two elements" ? [text("get ****"), came[1], text("***** now")] : goes;
    expect(sent(came, mask)).toEqual(wanted);
    const result = rewrite(came, [mask]);
    const changes = typeof result === "object" ? result.elements.map(({ change }) => change) : [];
    expect(changes).toEqual(came.map((raw, index) => (raw === wanted[index] ? ElementChange.KEPT : ElementChange.CHANGED)));
  });

  it("is none when nothing changes", () => {
    expect(rewrite([text("fine"), odd.face], [mask, remove("TIMFileElem"), replaceFinds("x")])).toBeUndefined();
    expect(rewrite([], [mask])).toBeUndefined();
    expect(rewrite([text("x")], [{ ...nothing, removeCustomData: true }])).toBeUndefined();
  });

  it("loses the elements that are removed", () => {
    expect(sent([odd.custom, text("x"), odd.custom, odd.face], remove("TIMCustomElem"))).toEqual(["-", text("x"), "-", odd.face]);
  });

  it("has one replacement for each find, also for one that goes over two elements", () => {
    expect(sent([text("casinos, 赌博赌博"), odd.face], replaceFinds("[x]"))).toEqual([text("[x], [x]"), odd.face]);
    expect(sent([text("a free"), text("money b")], replaceFinds("[x]"))).toEqual([text("a [x]"), text(" b")]);
    expect(sent([text("a casino b")], replaceFinds(""))).toEqual([text("a  b")]);
  });

  it("is one text where all is replaced, and the custom data stays", () => {
    const result = rewrite([odd.face, text("x")], [replaceAll("gone")], "kept");
    expect(result).toMatchObject({
      elements: [
        { change: ElementChange.REMOVED, rawJson: "" },
        { change: ElementChange.REMOVED, rawJson: "" },
        { change: ElementChange.ADDED, rawJson: text("gone") },
      ],
    });
    expect(result).not.toHaveProperty("customData", "");
  });

  it("has its custom data made empty where that is removed, and nothing else", () => {
    expect(rewrite([text("x")], [{ ...nothing, removeCustomData: true }], "data")).toMatchObject({ elements: [], customData: "" });
  });

  it("is made by several edits one after the other", () => {
    const rivals: MessageEdit = { ...nothing, replace: { search: { list: "rivals", lookAlikes: false }, text: "casino" } };
    expect(sent([text("example shop")], rivals, mask)).toEqual([text("******")]);
    expect(sent([text("example shop")], mask, rivals)).toEqual([text("casino")]);
    expect(sent([text("x"), odd.custom], replaceAll("free money"), mask)).toEqual(["-", "-", text("**** *****")]);
    const both = { ...remove("TIMCustomElem"), mask: mask.mask, replace: replaceFinds("").replace };
    expect(sent([odd.custom, text("casino")], both)).toEqual(["-", text("******")]);
  });

  it("sees through look-alikes where it is asked to", () => {
    const looks: MessageEdit = { ...nothing, mask: { list: "words", lookAlikes: true, mark: "█" } };
    expect(sent([text("Cаsin0s")], mask)).toBeUndefined();
    expect(sent([text("Cаsin0s")], looks)).toEqual([text("███████")]);
  });

  it("cannot be sent when nothing is left, or when it is larger than Chat takes", () => {
    expect(rewrite([odd.custom], [remove("TIMCustomElem")])).toBe("unsendable");
    const many = text("赌博 ".repeat(900));
    expect(rewrite([many], [replaceFinds("x".repeat(20))])).toBe("unsendable");
    expect(rewrite([many], [replaceFinds("x")])).toBeTypeOf("object");
    const large = text(`casino ${"x".repeat(20_000)}`);
    expect(rewrite([large], [mask])).toBeTypeOf("object");
  });
});
