// What an error of a call says, for tests.
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** The reason of a call's error, its message, and its wrong fields as `field: description`. Throws when the call does not fail. */
export async function failureOf(call: Promise<unknown>): Promise<{ reason: string | undefined; message: string; fields: string[] }> {
  try {
    await call;
  } catch (error) {
    const connectError = ConnectError.from(error);
    return {
      reason: connectError.findDetails(ErrorInfoSchema)[0]?.reason,
      message: connectError.rawMessage,
      fields: connectError
        .findDetails(BadRequestSchema)
        .flatMap((detail) => detail.fieldViolations)
        .map(({ field, description }) => `${field}: ${description}`),
    };
  }
  throw new Error("the call did not fail");
}
