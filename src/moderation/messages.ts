// Messages as requests bring them, made whole before anybody is asked about them.
import type { SendMessage } from "../../gen/gatehouse/v1/action_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { MessageSent } from "../../gen/gatehouse/v1/event_pb.ts";
import { bareElement, completeElements, MalformedElement } from "../elements/complete-element.ts";
import { GatehouseError } from "../errors.ts";

/**
 * A message in which every element is complete, and the same with bare elements, for its digest: two that came alike are told to be so, whatever
 * is read of them. `name` is what the request calls it. Throws INVALID_REQUEST.
 */
export function completeMessage<M extends SendMessage | MessageSent>(name: string, message: M): { complete: M; bare: M } {
  try {
    const elements = completeElements(message.elements);
    return { complete: { ...message, elements }, bare: { ...message, elements: elements.map(bareElement) } };
  } catch (error) {
    if (!(error instanceof MalformedElement)) throw error;
    const field = `${name}.${error.field}`;
    throw new GatehouseError(ErrorReason.INVALID_REQUEST, `The request has 1 problem: ${field}: ${error.message}`, {
      fields: [{ field, description: error.message }],
    });
  }
}
