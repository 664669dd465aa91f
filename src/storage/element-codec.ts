// The elements of messages in rows: their JSON alone, from which all else follows.
import type { MessageElement } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElement, MalformedElement } from "../elements/complete-element.ts";

/** Elements as they are kept; undefined for none. */
export function elementsJson(elements: readonly MessageElement[]): { rawJson: string }[] | undefined {
  return elements.length === 0 ? undefined : elements.map(({ rawJson }) => ({ rawJson }));
}

/** Makes the elements of a message that was just read complete. One that cannot be understood any more stays as it was kept. */
export function completeStored(message: { elements: MessageElement[] }): void {
  message.elements = message.elements.map((element) => {
    try {
      return completeElement(element);
    } catch (error) {
      if (error instanceof MalformedElement) return element;
      throw error;
    }
  });
}
