// Elements made whole: of every kind that is known, of others, and of what is none.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElement, completeElements } from "../../src/elements/complete-element.ts";
import { elementTypes, messageLinks, messageText } from "../../src/elements/element-texts.ts";

/** The elements of the vendor's page "Message Formats", and what is read of each. */
const published: [type: string, content: object, read: object, text: string][] = [
  ["TIMTextElem", { Text: "hello world" }, { case: "text", value: { text: "hello world" } }, "hello world"],
  [
    "TIMLocationElem",
    { Desc: "someinfo", Latitude: 29.340656774469956, Longitude: 116.77497920478824 },
    { case: "location", value: { description: "someinfo", latitude: 29.340656774469956, longitude: 116.77497920478824 } },
    "someinfo",
  ],
  ["TIMFaceElem", { Index: 1, Data: "content" }, { case: "face", value: { index: 1, data: "content" } }, "content"],
  [
    "TIMCustomElem",
    { Data: "message", Desc: "notification", Ext: "url", Sound: "dingdong.aiff" },
    { case: "custom", value: { data: "message", description: "notification", extension: "url", sound: "dingdong.aiff" } },
    "notification\nmessage\nurl",
  ],
  [
    "TIMSoundElem",
    { Url: "https://s.example/1", UUID: "u", Size: 62351, Second: 1, Download_Flag: 2 },
    { case: "sound", value: { url: "https://s.example/1", uuid: "u", sizeBytes: 62351, seconds: 1, downloadFlag: 2 } },
    "",
  ],
  [
    "TIMImageElem",
    { UUID: "u", ImageFormat: 1, ImageInfoArray: [{ Type: 1, Size: 1853095, Width: 2448, Height: 3264, URL: "http://i.example/1" }] },
    { case: "image", value: { format: 1, sizes: [{ type: 1, sizeBytes: 1853095, width: 2448, height: 3264, url: "http://i.example/1" }] } },
    "",
  ],
  [
    "TIMFileElem",
    { Url: "https://f.example/1", UUID: "u", FileSize: 1773552, FileName: "file:///private/report.pdf", Download_Flag: 2 },
    { case: "file", value: { url: "https://f.example/1", sizeBytes: 1773552, name: "file:///private/report.pdf" } },
    "file:///private/report.pdf",
  ],
  [
    "TIMVideoFileElem",
    {
      VideoUrl: "https://v.example/1",
      VideoUUID: "u",
      VideoSize: 1194603,
      VideoSecond: 5,
      VideoFormat: "mp4",
      VideoDownloadFlag: 2,
      ThumbUrl: "https://v.example/2",
      ThumbUUID: "t",
      ThumbSize: 13907,
      ThumbWidth: 720,
      ThumbHeight: 1280,
      ThumbFormat: "JPG",
      ThumbDownloadFlag: 2,
    },
    {
      case: "video",
      value: {
        url: "https://v.example/1",
        seconds: 5,
        format: "mp4",
        thumbUrl: "https://v.example/2",
        thumbWidth: 720,
        thumbDownloadFlag: 2,
      },
    },
    "",
  ],
];

const rawOf = (MsgType: unknown, MsgContent: unknown) => JSON.stringify({ MsgType, MsgContent });

describe("an element", () => {
  it.each(published)("%s is read from its JSON, which stays as it is, and can be made of what is read", (type, content, read, text) => {
    const rawJson = JSON.stringify({ MsgType: type, MsgContent: content }, undefined, 1);
    const element = completeElement({ rawJson });
    expect(element).toMatchObject({ type, rawJson, content: read });
    expect(messageText([element])).toBe(text);
    const made = completeElement(create(MessageElementSchema, { content: element.content }));
    expect(JSON.parse(made.rawJson)).toEqual({ MsgType: type, MsgContent: content });
    expect({ ...made, rawJson }).toEqual(element);
  });

  it("of another kind is kept, its texts are seen, and nothing else is read", () => {
    const rawJson = rawOf("TIMRelayElem", { Title: "a", List: [{ Text: "b", Deep: ["c", 1, null] }], d: false });
    const element = completeElement({ rawJson });
    expect(element).toMatchObject({ type: "TIMRelayElem", rawJson, content: { case: undefined } });
    expect(messageText([element])).toBe("a\nb\nc");
  });

  it("has what its JSON says, whatever a request says besides", () => {
    const rawJson = rawOf("TIMTextElem", { Text: "bad" });
    const element = completeElement(
      create(MessageElementSchema, { type: "TIMFaceElem", rawJson, content: { case: "text", value: { text: "good" } } }),
    );
    expect(element).toMatchObject({ type: "TIMTextElem", content: { case: "text", value: { text: "bad" } } });
  });

  it.each<[name: string, rawJson: string, type: string, text: string]>([
    ["members of other types", rawOf("TIMTextElem", { Text: 5 }), "TIMTextElem", ""],
    ["no content", '{"MsgType":"TIMTextElem"}', "TIMTextElem", ""],
    ["content that is a text", rawOf("TIMTextElem", "x"), "TIMTextElem", ""],
    ["content that is a text, of another kind", rawOf("Other", "x"), "Other", "x"],
    ["no type", '{"MsgContent":{"Text":"x"}}', "", "x"],
    ["a type that is a number", rawOf(5, { Text: "x" }), "", "x"],
    ["numbers out of range", rawOf("TIMFaceElem", { Index: -1.5, Data: "x" }), "TIMFaceElem", "x"],
    ["half of a surrogate pair", '{"MsgType":"TIMTextElem","MsgContent":{"Text":"a\\ud800b"}}', "TIMTextElem", "a\ufffdb"],
    ["__proto__ as a member", '{"MsgType":"TIMTextElem","MsgContent":{"__proto__":{"Text":"x"}}}', "TIMTextElem", ""],
    ["a member twice", '{"MsgType":"TIMTextElem","MsgContent":{"Text":"x","Text":"y"}}', "TIMTextElem", "y"],
  ])("with %s is read as far as it can be", (_name, rawJson, type, text) => {
    const element = completeElement({ rawJson });
    expect(element).toMatchObject({ type, rawJson });
    expect(messageText([element])).toBe(text);
  });

  it.each([
    ["{", "elements[1].raw_json", /must be JSON/],
    ["[]", "elements[1].raw_json", /must be a JSON object such as/],
    ['"x"', "elements[1].raw_json", /must be a JSON object/],
    ["", "elements[1].raw_json", /must be given, or content in its place/],
  ])("that is %j is refused", (rawJson, field, message) => {
    const elements = [rawOf("Other", {}), rawJson].map((one) => create(MessageElementSchema, { rawJson: one }));
    expect(() => completeElements(elements)).toThrow(expect.objectContaining({ field, message: expect.stringMatching(message) }));
  });
});

it("the links of a message are those in its text and those of its elements, each once", () => {
  const elements = completeElements([
    ...published.map(([type, content]) => create(MessageElementSchema, { rawJson: rawOf(type, content) })),
    create(MessageElementSchema, { rawJson: rawOf("TIMTextElem", { Text: "http://i.example/1 www.t.example" }) }),
  ]);
  expect(messageLinks(elements, messageText(elements))).toEqual([
    "http://i.example/1",
    "www.t.example",
    "https://s.example/1",
    "https://f.example/1",
    "https://v.example/1",
    "https://v.example/2",
  ]);
  expect(elementTypes([...elements, ...elements])).toEqual(published.map(([type]) => type));
});
