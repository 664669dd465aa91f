// Page tokens: opaque, and good only for the query that they came from.
import { createHash } from "node:crypto";
import { clone, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Page, PageRequest } from "../storage/storage.ts";

const defaultPageSize = 50;
const maxPageSize = 1000;

/** A list request of the schema, per AIP-158. */
type Paged = { pageSize: number; pageToken: string };

/** How many items a request asks for; a size out of range is brought into it. */
export function pageSize(request: { pageSize: number }): number {
  return Math.min(request.pageSize || defaultPageSize, maxPageSize);
}

/** Which page a request asks for; a size out of range is brought into it. Throws INVALID_PAGE_TOKEN. */
export function pageRequest<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc> & Paged): PageRequest {
  const size = pageSize(request);
  if (request.pageToken === "") return { size };
  const [digest, after] = decode(request.pageToken);
  if (digest !== queryDigest(schema, request)) {
    throw new GatehouseError(
      ErrorReason.INVALID_PAGE_TOKEN,
      "The page_token is not from this method with these filters. Start again without one, or repeat the filters it came with.",
    );
  }
  return { size, after };
}

/** The token for the page after this one; empty when there is none. */
export function nextPageToken<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc> & Paged, page: Page<unknown>): string {
  if (page.next === undefined) return "";
  return encode(queryDigest(schema, request) + page.next);
}

/** How long a digest of a query is, in characters. */
const digestLength = 16;

function encode(content: string): string {
  return Buffer.from(content).toString("base64url");
}

/** The digest of the query that a token came from, and the position after which its page begins. */
function decode(token: string): [digest: string, after: string] {
  const content = Buffer.from(token, "base64url").toString();
  if (content.length > digestLength && encode(content) === token) return [content.slice(0, digestLength), content.slice(digestLength)];
  throw new GatehouseError(ErrorReason.INVALID_PAGE_TOKEN, "The page_token is not one that this service gave. Start again without one.");
}

function queryDigest<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc> & Paged): string {
  const query = clone(schema, request) as MessageShape<Desc> & Paged;
  query.pageSize = 0;
  query.pageToken = "";
  return createHash("sha256")
    .update(schema.typeName)
    .update("\0")
    .update(toBinary(schema, query))
    .digest("base64url")
    .slice(0, digestLength);
}
