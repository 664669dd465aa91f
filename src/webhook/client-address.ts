// The address of whoever sent a request, through the proxies that are trusted to tell.
import type { IncomingHttpHeaders } from "node:http";
import { createCidrSet } from "../text/cidr.ts";

/** The header in which the trusted proxies say whom they answer to. */
export const proxyHeaders = ["x-forwarded-for", "forwarded"] as const;

export type ProxyHeader = (typeof proxyHeaders)[number];

/**
 * `trustedProxies` are address ranges; `header` is the one that those proxies write: the other could come from anyone. Returns a function that
 * gives the nearest address that is not a trusted proxy's, or the last one known when a proxy hides whom it answers to.
 */
export function createClientAddress(
  trustedProxies: readonly string[],
  header: ProxyHeader,
): (peer: string | undefined, headers: IncomingHttpHeaders) => string {
  const isTrusted = createCidrSet(trustedProxies);
  const readHops = header === "forwarded" ? readForwarded : readForwardedFor;
  return (peer = "", headers) => {
    let address = peer;
    if (!isTrusted(address)) return address;
    const value = headers[header];
    const hops = value === undefined ? [] : readHops(Array.isArray(value) ? value.join(",") : value);
    for (const hop of hops.reverse()) {
      const next = addressOf(hop);
      if (next === undefined) return address;
      address = next;
      if (!isTrusted(address)) return address;
    }
    return address;
  };
}

/** `X-Forwarded-For: client, proxy, proxy`. */
function readForwardedFor(value: string): string[] {
  return value.split(",").map((hop) => hop.trim());
}

/** The `for` of each element of `Forwarded`, empty where there is none. From RFC 7239, section 4. */
function readForwarded(value: string): string[] {
  return splitOutsideQuotes(value, ",").map((element) => {
    const pairs = splitOutsideQuotes(element, ";").map((pair) => pair.split("=", 2).map((part) => part.trim()));
    const node = pairs.find(([name]) => name?.toLowerCase() === "for")?.[1] ?? "";
    return node.startsWith('"') ? node.slice(1, -1).replace(/\\(.)/g, "$1") : node;
  });
}

/** Splits at a separator, except between quotes, in which a backslash takes the next character as it is. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === "\\") i++;
    else if (!quoted && character === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80` without its port; undefined for what is no address, such as `unknown`. */
function addressOf(hop: string): string | undefined {
  const address = /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? hop;
  return isAddress(address) ? address : undefined;
}

const isAddress = createCidrSet(["0.0.0.0/0", "::/0"]);
