// Address ranges in CIDR notation, IPv4 and IPv6.
import { PatternError } from "./pattern-error.ts";

/**
 * A range of addresses, both ends included. An address is a string of 16-bit groups, two for IPv4 and eight for IPv6, so that addresses of one
 * family are ordered as strings are.
 */
export interface AddressRange {
  first: string;
  last: string;
}

/** What a 16-bit group of the IPv6 block ::ffff:0:0/96 is made of; it stands for IPv4. */
const mappedPrefix = "\0\0\0\0\0\uffff";
const ipv4Groups = 2;

/**
 * Parses `10.0.0.0/8`, `2001:db8::/32` or a single address. Addresses of the block ::ffff:0:0/96 are the IPv4 addresses they stand for; an IPv6
 * range that reaches beyond that block holds no IPv4 addresses. Throws PatternError when it is no range, or when bits after the prefix are set.
 */
export function parseCidr(text: string): AddressRange {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const groups = parseGroups(addressText);
  const shown = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  if (groups === undefined)
    throw new PatternError(`"${shown}" is not an address range; write one such as 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7.`);
  const bits = groups.length * 16;
  const prefixText = slash < 0 ? String(bits) : text.slice(slash + 1);
  const prefix = /^(?:0|[1-9]\d{0,2})$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  if (!(prefix <= bits)) throw new PatternError(`In "${shown}", what follows the slash must be a number from 0 to ${bits}.`);

  const first = groups.map((group, index) => group & maskOf(prefix, index));
  const last = groups.map((group, index) => group | (0xffff & ~maskOf(prefix, index)));
  if (first.some((group, index) => group !== groups[index]))
    throw new PatternError(
      `"${shown}" has bits set after its first ${prefix}; write ${formatGroups(first)}/${prefix}, or ${addressText} alone.`,
    );
  // A mapped range of 96 bits or more is the IPv4 range of its last two groups.
  return prefix >= 96 ? { first: unmap(keyOf(first)), last: unmap(keyOf(last)) } : { first: keyOf(first), last: keyOf(last) };
}

/**
 * Returns a function that says whether an address is in any of the ranges; text that is no address is in none. It takes time logarithmic in the
 * number of ranges. Throws PatternError, naming the range, when one of them is wrong.
 */
export function createCidrSet(ranges: Iterable<string>): (address: string) => boolean {
  const parsed = Array.from(ranges, parseCidr);
  const families = [parsed.filter(({ first }) => first.length === ipv4Groups), parsed.filter(({ first }) => first.length !== ipv4Groups)];
  const [ipv4 = [], ipv6 = []] = families.map(merge);
  return (address) => {
    const groups = parseGroups(address);
    if (groups === undefined) return false;
    const key = unmap(keyOf(groups));
    const candidates = key.length === ipv4Groups ? ipv4 : ipv6;
    let low = 0;
    let high = candidates.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((candidates[middle]?.first ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    const candidate = candidates[low - 1];
    return candidate !== undefined && key <= candidate.last;
  };
}

/** Sorts ranges of one family and joins those that overlap, so that at most one can hold an address. */
function merge(ranges: AddressRange[]): AddressRange[] {
  const merged: AddressRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last) merged.push({ ...range });
    else if (range.last > previous.last) previous.last = range.last;
  }
  return merged;
}

/** Returns the 16-bit groups of an address, or undefined when the text is none. Zones, brackets and leading zeros of IPv4 are refused. */
function parseGroups(text: string): number[] | undefined {
  if (text.length > 45) return undefined;
  if (!text.includes(":")) return parseIpv4(text);
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = "", tail] = halves;
  const before = parseColonGroups(head, tail === undefined);
  const after = tail === undefined ? [] : parseColonGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...new Array<number>(missing).fill(0), ...after];
}

function parseColonGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      const ipv4 = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (ipv4 === undefined) return undefined;
      groups.push(...ipv4);
    }
  }
  return groups;
}

function parseIpv4(text: string): number[] | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** Returns the bits of the group with this index that belong to the prefix. */
function maskOf(prefix: number, index: number): number {
  const bits = Math.min(16, Math.max(0, prefix - index * 16));
  return (0xffff << (16 - bits)) & 0xffff;
}

function keyOf(groups: readonly number[]): string {
  return String.fromCharCode(...groups);
}

function unmap(key: string): string {
  return key.startsWith(mappedPrefix) ? key.slice(mappedPrefix.length) : key;
}

function formatGroups(groups: readonly number[]): string {
  if (groups.length === ipv4Groups) return groups.flatMap((group) => [group >> 8, group & 0xff]).join(".");
  const text = groups.map((group) => group.toString(16)).join(":");
  return text.replace(/(?:^|:)0(?::0)+(?:$|:)/, "::");
}
