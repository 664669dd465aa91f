// Address ranges in CIDR notation.
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCidrSet, parseCidr } from "../../src/text/cidr.ts";
import { PatternError } from "../../src/text/pattern-error.ts";

describe("a set of address ranges", () => {
  it.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/8", "9.255.255.255", false],
    ["203.0.113.7", "203.0.113.7", true],
    ["203.0.113.7", "203.0.113.8", false],
    ["203.0.113.7/32", "203.0.113.7", true],
    ["0.0.0.0/0", "255.255.255.255", true],
    ["0.0.0.0/0", "::1", false],
    ["2001:db8::/32", "2001:DB8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::", false],
    ["2001:db8::/33", "2001:db8:7fff:ffff::", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["::/0", "2001:db8::1", true],
    ["::/0", "10.0.0.1", false],
    ["::1", "0:0:0:0:0:0:0:1", true],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["10.0.0.0/8", "::ffff:a01:203", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["::ffff:0:0/96", "192.0.2.1", true],
    ["::ffff:0:0/96", "::1", false],
    ["64:ff9b::/96", "64:ff9b::1.2.3.4", true],
  ])("%s holds %s: %s", (range, address, expected) => {
    expect(createCidrSet([range])(address)).toBe(expected);
  });

  it.each([
    "",
    "x",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4/32",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "::1%eth0",
    "[::1]",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "::1.2.3",
    "0x7f.1",
    "2130706433",
    "1".repeat(10_000),
    ":".repeat(10_000),
  ])("holds no text that is not an address: %j", (address) => {
    expect(createCidrSet(["0.0.0.0/0", "::/0"])(address)).toBe(false);
  });

  it.each([
    ["10.0.0.1/8", "has bits set after its first 8; write 10.0.0.0/8, or 10.0.0.1 alone"],
    ["2001:db8::1/32", "write 2001:db8::/32"],
    ["10.0.0.0/33", "a number from 0 to 32"],
    ["::/129", "a number from 0 to 128"],
    ["10.0.0.0/", "a number from 0 to 32"],
    ["10.0.0.0/-1", "a number from 0 to 32"],
    ["10.0.0.0/08", "a number from 0 to 32"],
    ["10.0.0.0/8/8", "a number from 0 to 32"],
    ["10.0.0/8", "is not an address range"],
    ["", "is not an address range"],
    ["example.com", "is not an address range"],
  ])("refuses the range %j and says why", (range, reason) => {
    expect(() => parseCidr(range)).toThrow(PatternError);
    expect(() => createCidrSet(["10.0.0.0/8", range])).toThrow(reason);
  });

  const ipv4 = fc.ipV4();
  const ipv6 = fc.ipV6();

  it("holds what the ranges hold one by one", () => {
    const range = fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })),
      // Below 2001::, so that no range touches the block that stands for IPv4.
      fc.tuple(
        fc
          .array(fc.integer({ min: 1, max: 0xffff }), { maxLength: 6 })
          .map((groups) => `2001:${groups.map((group) => `${group.toString(16)}:`).join("")}:`),
        fc.integer({ min: 16, max: 128 }),
      ),
    );
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.array(fc.oneof(ipv4, ipv6), { maxLength: 5 }), (ranges, others) => {
        const blocks = new BlockList();
        const texts = ranges.map(([address, prefix]) => {
          blocks.addSubnet(address, prefix, isIP(address) === 4 ? "ipv4" : "ipv6");
          return `${masked(address, prefix)}/${prefix}`;
        });
        const holds = createCidrSet(texts);
        for (const address of [...ranges.map(([each]) => each), ...others])
          if (!/^::/.test(address)) expect(holds(address)).toBe(blocks.check(address, isIP(address) === 4 ? "ipv4" : "ipv6"));
      }),
      { numRuns: 500 },
    );
  });

  it("takes for an address what Node takes for one, zones aside", () => {
    const all = createCidrSet(["0.0.0.0/0", "::/0"]);
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6, fc.string({ unit: fc.constantFrom(..."0125afF:.::"), maxLength: 20 })), (text) => {
        expect(all(text)).toBe(isIP(text) !== 0);
      }),
      { numRuns: 5000 },
    );
  });

  it("looks among 100 000 ranges", () => {
    const holds = createCidrSet(
      Array.from({ length: 100_000 }, (_, index) => `${10 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/25`),
    );
    expect(holds("10.200.7.127")).toBe(true);
    expect(holds("10.200.7.128")).toBe(false);
    expect(holds("9.0.0.1")).toBe(false);
  });
});

/** Clears the bits after the prefix, by the hint in the error. */
function masked(address: string, prefix: number): string {
  try {
    parseCidr(`${address}/${prefix}`);
    return address;
  } catch (error) {
    return /write (\S+)\/\d+/.exec((error as Error).message)?.[1] ?? address;
  }
}
