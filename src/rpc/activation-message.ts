// Activations as callers see them.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Activation, ActivationSchema, PolicyPointer } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import type { PointerName, PolicyActivation } from "../storage/storage.ts";

/** The pointers of the schema by name. */
export const pointers: Readonly<Record<PointerName, PolicyPointer>> = { live: PolicyPointer.LIVE, shadow: PolicyPointer.SHADOW };

/** The message of an activation. */
export function activationMessage({ pointer, version, author, reason, timeMs }: PolicyActivation): Activation {
  return create(ActivationSchema, {
    pointer: pointers[pointer],
    version: version ?? "",
    author,
    reason,
    activateTime: timestampFromMs(timeMs),
  });
}
