// The kinds of elements that are known: what Chat calls them and their members, and what of them is text and links. From "Message Formats".
import type { DescMessage, Message } from "@bufbuild/protobuf";
import {
  CustomElementSchema,
  FaceElementSchema,
  FileElementSchema,
  ImageElementSchema,
  type ImageSize,
  LocationElementSchema,
  type MessageElement,
  SoundElementSchema,
  TextElementSchema,
  VideoElementSchema,
} from "../../gen/gatehouse/v1/message_element_pb.ts";

/** What an element holds; one of the schema's oneof. */
export type Content = Exclude<MessageElement["content"], { case: undefined }>;

/** Chat's name for every field of a message. */
type MemberNames<M extends Message> = { [Field in Exclude<keyof M, `$${string}`>]: string };

/** A known kind of element. */
export interface ElementKind<M extends Message = Message> {
  /** `MsgType`. */
  type: string;
  schema: DescMessage;
  /** Chat's name for each field, a member of `MsgContent`. */
  members: MemberNames<M>;
  /** The members that people, or the apps of people, read. */
  texts: readonly string[];
  /** The fields that are addresses. */
  links: readonly (keyof M)[];
}

/** The known kinds, by their name in the schema. */
export const elementKinds: { [K in Content["case"]]: ElementKind<Extract<Content, { case: K }>["value"]> } = {
  text: { type: "TIMTextElem", schema: TextElementSchema, members: { text: "Text" }, texts: ["Text"], links: [] },
  custom: {
    type: "TIMCustomElem",
    schema: CustomElementSchema,
    members: { data: "Data", description: "Desc", extension: "Ext", sound: "Sound" },
    texts: ["Desc", "Data", "Ext"],
    links: [],
  },
  image: {
    type: "TIMImageElem",
    schema: ImageElementSchema,
    members: { uuid: "UUID", format: "ImageFormat", sizes: "ImageInfoArray" },
    texts: [],
    links: [],
  },
  file: {
    type: "TIMFileElem",
    schema: FileElementSchema,
    members: { url: "Url", uuid: "UUID", sizeBytes: "FileSize", name: "FileName", downloadFlag: "Download_Flag" },
    texts: ["FileName"],
    links: ["url"],
  },
  sound: {
    type: "TIMSoundElem",
    schema: SoundElementSchema,
    members: { url: "Url", uuid: "UUID", sizeBytes: "Size", seconds: "Second", downloadFlag: "Download_Flag" },
    texts: [],
    links: ["url"],
  },
  video: {
    type: "TIMVideoFileElem",
    schema: VideoElementSchema,
    members: {
      ...{ url: "VideoUrl", uuid: "VideoUUID", sizeBytes: "VideoSize", seconds: "VideoSecond", format: "VideoFormat" },
      ...{ downloadFlag: "VideoDownloadFlag", thumbUrl: "ThumbUrl", thumbUuid: "ThumbUUID", thumbSizeBytes: "ThumbSize" },
      ...{ thumbWidth: "ThumbWidth", thumbHeight: "ThumbHeight", thumbFormat: "ThumbFormat", thumbDownloadFlag: "ThumbDownloadFlag" },
    },
    texts: [],
    links: ["url", "thumbUrl"],
  },
  location: {
    type: "TIMLocationElem",
    schema: LocationElementSchema,
    members: { description: "Desc", latitude: "Latitude", longitude: "Longitude" },
    texts: ["Desc"],
    links: [],
  },
  face: { type: "TIMFaceElem", schema: FaceElementSchema, members: { index: "Index", data: "Data" }, texts: ["Data"], links: [] },
};

/** Chat's names for the fields of a picture's size. */
export const imageSizeMembers: MemberNames<ImageSize> = {
  type: "Type",
  sizeBytes: "Size",
  width: "Width",
  height: "Height",
  url: "URL",
};

const caseByType = new Map(Object.entries(elementKinds).map(([name, { type }]) => [type, name as Content["case"]]));

/** The kind that Chat calls so, by its name in the schema; undefined for every other. */
export function kindOfType(type: string): Content["case"] | undefined {
  return caseByType.get(type);
}
