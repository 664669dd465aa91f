// Messages in a line, for people.
import type { MessageElement } from "../../gen/gatehouse/v1/message_element_pb.ts";

/** Each element: a text as it is, every other by its type and what names it. */
export function describeElements(elements: readonly MessageElement[]): string {
  return elements.map(describeElement).join(" ");
}

function describeElement({ type, content }: MessageElement): string {
  const named = (name: string) => `[${type}${name === "" ? "" : ` ${name}`}]`;
  switch (content.case) {
    case "text":
      return content.value.text;
    case "custom":
      return named(content.value.description || content.value.data);
    case "image":
      return named(content.value.sizes[0]?.url ?? "");
    case "file":
      return named(content.value.name || content.value.url);
    case "sound":
    case "video":
      return named(content.value.url);
    case "location":
      return named(content.value.description);
    case "face":
      return named(String(content.value.index));
    case undefined:
      return named("");
  }
}
