// Answers calls of methods that do not exist, in the protocol they came in.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { toWireError } from "./wire-error.ts";

/** A full service name and a method: what every RPC is posted to. */
const callPath = /^\/(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*\/[A-Za-z_]\w*$/;

/**
 * Refuses the request with UNKNOWN_METHOD when it looks like a call; otherwise leaves it alone and returns false. A Connect stream is left alone
 * too: a 404 tells its client the same.
 */
export function refuseUnknownMethod(path: string, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method !== "POST" || !callPath.test(path)) return false;
  const error = toWireError(new GatehouseError(ErrorReason.UNKNOWN_METHOD, `There is no method ${path.slice(1)} here.`), () => {});
  const contentType = request.headers["content-type"] ?? "";
  if (/^application\/(?:json|proto)\b/.test(contentType)) {
    response.writeHead(codeToHttpStatus(Code.Unimplemented), { "content-type": "application/json" });
    response.end(errorToJsonBytes(error, undefined));
    return true;
  }
  if (/^application\/grpc\b/.test(contentType)) {
    response.writeHead(200, { "content-type": contentType, ...Object.fromEntries(setTrailerStatus(new Headers(), error)) });
    response.end();
    return true;
  }
  return false;
}
