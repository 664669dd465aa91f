// Who sent a request: only what trusted proxies say counts.
import { describe, expect, it } from "vitest";
import { createClientAddress, type ProxyHeader } from "../../src/webhook/client-address.ts";

const trusted = ["10.0.0.0/8", "2001:db8::/32"];

function ask(header: ProxyHeader, peer: string, value: string | undefined): string {
  return createClientAddress(trusted, header)(peer, value === undefined ? {} : { [header]: value });
}

describe("x-forwarded-for", () => {
  it.each([
    ["of a peer that is not trusted counts nothing", "192.0.2.1", "203.0.113.9", "192.0.2.1"],
    ["that is not there leaves the peer", "10.0.0.1", undefined, "10.0.0.1"],
    ["names the client", "10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["is read from the right: what the client wrote itself does not count", "10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
    ["goes through several trusted proxies", "10.0.0.1", "203.0.113.9, 10.9.9.9,10.0.0.2", "203.0.113.9"],
    ["of trusted ones only gives the first of them", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["may have ports", "10.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    ["may have IPv6 with a port", "10.0.0.1", "[2001:dead::1]:4711", "2001:dead::1"],
    ["of an IPv4 peer on an IPv6 socket counts", "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["with something that is no address ends there", "10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"],
    ["that is empty leaves the peer", "10.0.0.1", "", "10.0.0.1"],
  ])("%s", (_name, peer, value, address) => {
    expect(ask("x-forwarded-for", peer, value)).toBe(address);
  });

  it("is not looked at when the proxies write the other header", () => {
    expect(createClientAddress(trusted, "forwarded")("10.0.0.1", { "x-forwarded-for": "1.1.1.1" })).toBe("10.0.0.1");
  });

  it("counts nothing when no proxy is trusted", () => {
    expect(createClientAddress([], "x-forwarded-for")("10.0.0.1", { "x-forwarded-for": "1.1.1.1" })).toBe("10.0.0.1");
    expect(createClientAddress([], "x-forwarded-for")(undefined, {})).toBe("");
  });
});

describe("forwarded", () => {
  it.each([
    ["names the client", "for=203.0.113.9", "203.0.113.9"],
    ["whatever the case and the other pairs", "proto=https ; For=203.0.113.9;by=10.0.0.1", "203.0.113.9"],
    ["quoted, IPv6, with a port", 'for="[2001:dead::1]:4711"', "2001:dead::1"],
    ["from the right", "for=1.1.1.1, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"],
    ["with separators and quotes inside quotes", 'for=1.1.1.1;ext="a,b;for=2.2.2.2\\",", for=203.0.113.9;x="\\"y"', "203.0.113.9"],
    ["but stops at one who hides", "for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2"],
    ["but stops at an element without for", "for=203.0.113.9, proto=http", "10.0.0.1"],
    ["but not when a quote does not end", 'for="203.0.113.9', "10.0.0.1"],
  ])("%s", (_name, value, address) => {
    expect(ask("forwarded", "10.0.0.1", value)).toBe(address);
  });
});
