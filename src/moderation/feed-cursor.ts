// Cursors of the feed: a version and a position, opaque to callers.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** The cursor after which to go on from a position. */
export function formatCursor(position: number): string {
  return Buffer.from(`v1.${position}`).toString("base64url");
}

/** Reads what formatCursor wrote, and nothing else. Throws INVALID_CURSOR. */
export function parseCursor(cursor: string): number {
  const digits = /^v1\.(0|[1-9][0-9]{0,15})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  const position = Number(digits);
  if (!Number.isSafeInteger(position) || formatCursor(position) !== cursor) {
    throw invalidCursor("The cursor is not one that this service gave. Use one that it gave, or begin with a start.");
  }
  return position;
}

/** The error of a cursor that cannot be used; the message says what to do. */
export function invalidCursor(message: string): GatehouseError {
  return new GatehouseError(ErrorReason.INVALID_CURSOR, message);
}
