// What an error of a call says, for tests.
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** What is said of a call that failed. */
export interface Failure {
  reason: string | undefined;
  metadata: Record<string, string>;
  message: string;
  /** Wrong fields, as `field: description`. */
  fields: string[];
}

/** What a call's error says. Throws when the call does not fail. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    const connectError = ConnectError.from(error);
    const info = connectError.findDetails(ErrorInfoSchema)[0];
    return {
      reason: info?.reason,
      metadata: info?.metadata ?? {},
      message: connectError.rawMessage,
      fields: connectError
        .findDetails(BadRequestSchema)
        .flatMap((detail) => detail.fieldViolations)
        .map(({ field, description }) => `${field}: ${description}`),
    };
  }
  throw new Error("the call did not fail");
}
