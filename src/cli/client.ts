// How commands call the RPC: the connection, pages, and errors in words.

import type { DescService } from "@bufbuild/protobuf";
import { Code, type Client as ConnectClient, type ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { isUntrusted, readClientTls, untrustedHint } from "./client-tls.ts";
import { CommandError, type Io, readAddress, UsageError } from "./command.ts";
import { safe } from "./text.ts";

const defaultServer = "http://127.0.0.1:8081";
const timeoutMs = 10_000;

/** As many items as a server gives in one page. */
const largestPage = 1000;

/** The flags of every command that calls the RPC. */
export const serverOption = { server: { type: "string" }, key: { type: "string" } } as const;

/** The lines about those flags in a command's usage. */
export const serverUsage = `  --server URL         the api listener (default: GATEHOUSE_SERVER, or ${defaultServer})
  --key K              the API key or token (default: GATEHOUSE_API_KEY, which others on this machine cannot see)`;

/** Which part of a list to read. */
export interface Window {
  /** At most this many items. */
  limit: number;
  /** Where to begin: the token of the run before; empty for the beginning. */
  pageToken: string;
}

/** Runs `use` with a client of the service at `--server`, which shows `--key`. A server that cannot be reached is a CommandError that says where and what to do. */
export async function withClient<S extends DescService, T>(
  service: S,
  { server, key }: { server?: string; key?: string },
  io: Io,
  use: (client: ConnectClient<S>) => Promise<T>,
): Promise<T> {
  const url = readAddress("--server", server ?? (io.env.GATEHOUSE_SERVER || defaultServer));
  const baseUrl = url.href.replace(/\/$/, "");
  const interceptors = showCredential(key ?? (io.env.GATEHOUSE_API_KEY || undefined));
  const nodeOptions = readClientTls(io);
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", defaultTimeoutMs: timeoutMs, interceptors, nodeOptions });
  try {
    return await use(createClient(service, transport));
  } catch (error) {
    const unreachable = isConnectError(error) ? explainUnreachable(error, baseUrl) : undefined;
    if (unreachable !== undefined) throw new CommandError(unreachable);
    throw error;
  }
}

/** Sends the key with every call. It is never repeated in a message. */
function showCredential(key: string | undefined): Interceptor[] {
  if (key === undefined) return [];
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new UsageError("--key or GATEHOUSE_API_KEY is no key: it must be printable characters without spaces. Paste it whole.");
  }
  const show: Interceptor = (next) => (request) => {
    request.header.set("Authorization", `Bearer ${key}`);
    return next(request);
  };
  return [show];
}

/** Reads pages until the limit or the end. `nextPageToken` is empty at the end. */
export async function readPages<T>(
  window: Window,
  read: (page: { pageSize: number; pageToken: string }) => Promise<{ items: T[]; nextPageToken: string }>,
): Promise<{ items: T[]; nextPageToken: string }> {
  const items: T[] = [];
  let pageToken = window.pageToken;
  do {
    const page = await read({ pageSize: Math.min(window.limit - items.length, largestPage), pageToken });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && items.length < window.limit);
  return { items, nextPageToken: pageToken };
}

/** Says on stderr that there is more than was shown, and how to see it. */
export function mentionRest(nextPageToken: string, io: Io): void {
  if (nextPageToken !== "")
    io.stderr.write(`gatehouse: there is more; use a larger --limit, or go on with --page-token ${nextPageToken}\n`);
}

/** The error of a call in words: its message, its reason, and a line for each wrong field. */
export function describeConnectError(error: ConnectError): string {
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? Code[error.code];
  const violations = error.findDetails(BadRequestSchema).flatMap((details) => details.fieldViolations);
  const lines = violations.map(({ field, description }) => `\n  ${safe(field)}: ${safe(description)}`);
  return `${safe(error.rawMessage)} (${safe(reason)})${lines.join("")}`;
}

/** What to say when the error is not one of Gatehouse's own; undefined when it is. */
function explainUnreachable(error: ConnectError, baseUrl: string): string | undefined {
  if (error.findDetails(ErrorInfoSchema).length > 0) return undefined;
  const hint = "Start it with `npm start`, or say where it is with --server or GATEHOUSE_SERVER.";
  const systemCode = error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : "";
  if (systemCode === "ECONNREFUSED") return `nothing listens on ${baseUrl} (connection refused). ${hint}`;
  if (isUntrusted(systemCode)) return `no answer from ${baseUrl}: ${safe(error.rawMessage)}. ${untrustedHint}`;
  if (error.code === Code.DeadlineExceeded) return `no answer from ${baseUrl} in ${timeoutMs} ms.`;
  if (systemCode !== "") return `no answer from ${baseUrl}: ${safe(error.rawMessage)}. ${hint}`;
  return `${baseUrl} does not answer as Gatehouse's api listener does: ${describeConnectError(error)}. ${hint}`;
}

function isConnectError(error: unknown): error is ConnectError {
  return error instanceof Error && error.name === "ConnectError";
}
