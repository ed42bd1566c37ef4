/**
 * IP addresses as text, strictly read: RFC 4291 section 2.2 for IPv6, dotted decimal without leading zeros for IPv4 (no
 * octal, hex or short forms, which readers disagree about). No DNS, no sockets, nothing allocated to parse. IPv4-mapped
 * IPv6 (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) counts as IPv4.
 */
import { hexValue } from "./hex.ts";

/** The 32-bit value of `text[start..end)` as an IPv4 address, or -1 if it is none. */
export function parseIpv4(text: string, start = 0, end = text.length): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 46) {
      if (octet === -1 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else {
      const digit = code - 48;
      if (digit < 0 || digit > 9 || octet === 0) return -1;
      octet = octet === -1 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    }
  }
  return dots === 3 && octet !== -1 ? value * 256 + octet : -1;
}

/**
 * Reads `text[start..end)` as an IPv6 address, without brackets and zone, into four 32-bit words, most significant
 * first.
 * @returns false if it is none; then the content of `words` is undefined.
 */
export function parseIpv6(text: string, words: Uint32Array, start = 0, end = text.length): boolean {
  words.fill(0, 0, 4);
  let groups = 0;
  let gapAt = -1;
  let at = start;
  if (text.charCodeAt(at) === 58) {
    if (text.charCodeAt(at + 1) !== 58 || at + 1 >= end) return false;
    gapAt = 0;
    at += 2;
  }
  while (at < end) {
    if (groups === 8) return false;
    const groupStart = at;
    let value = 0;
    let digit: number;
    while (at < end && (digit = hexValue(text.charCodeAt(at))) !== -1) {
      value = value * 16 + digit;
      at++;
    }
    if (at < end && text.charCodeAt(at) === 46) {
      const tail = parseIpv4(text, groupStart, end);
      if (tail === -1 || groups > 6) return false;
      setGroup(words, groups++, tail >>> 16);
      setGroup(words, groups++, tail & 0xffff);
      at = end;
      break;
    }
    if (at === groupStart || at - groupStart > 4) return false;
    setGroup(words, groups++, value);
    if (at === end) break;
    if (text.charCodeAt(at) !== 58) return false;
    at++;
    if (at === end) return false;
    if (text.charCodeAt(at) === 58) {
      if (gapAt !== -1) return false;
      gapAt = groups;
      at++;
    }
  }
  if (gapAt === -1) return groups === 8;
  if (groups > 7) return false;
  const moved = groups - gapAt;
  for (let index = 0; index < moved; index++) {
    const from = groups - 1 - index;
    const to = 7 - index;
    const value = group(words, from);
    setGroup(words, from, 0);
    setGroup(words, to, value);
  }
  return true;
}

/** Are these words an IPv4-mapped address? The last word is then the IPv4 value. */
export function isMappedIpv4(words: Uint32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

/**
 * 4 or 6 if `text` is an IP address of that version, else 0. As `isIP` of Node.js, which compiles a regular expression of
 * some milliseconds in each thread that first asks it about IPv6 or about a name.
 */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (!text.includes(":")) return parseIpv4(text) === -1 ? 0 : 4;
  const zone = text.indexOf("%");
  if (zone !== -1 && !/^[0-9A-Za-z.:-]+$/.test(text.slice(zone + 1))) return 0;
  return parseIpv6(text, scratch, 0, zone === -1 ? text.length : zone) ? 6 : 0;
}

/**
 * The one spelling of an address: IPv4 dotted, IPv6 as RFC 5952 (lower case, longest run of zeros shortened),
 * IPv4-mapped as IPv4, a zone (`%eth0`) dropped. Null if `text` is no address. Text without a colon that is valid IPv4
 * comes back as it is.
 */
export function normalizeIp(text: string): string | null {
  if (!text.includes(":")) return parseIpv4(text) === -1 ? null : text;
  const zone = text.indexOf("%");
  if (!parseIpv6(text, scratch, 0, zone === -1 ? text.length : zone)) return null;
  return isMappedIpv4(scratch) ? formatIpv4(scratch[3] ?? 0) : formatIpv6(scratch);
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatIpv6(words: Uint32Array): string {
  let gapAt = -1;
  let gapLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && group(words, at + length) === 0) length++;
    if (length > gapLength) {
      gapAt = at;
      gapLength = length;
    }
    at += length;
  }
  let text = "";
  for (let at = 0; at < 8; at++) {
    if (at === gapAt) {
      text += "::";
      at += gapLength - 1;
    } else text += (text === "" || text.endsWith(":") ? "" : ":") + group(words, at).toString(16);
  }
  return text;
}

const scratch = new Uint32Array(4);

function group(words: Uint32Array, index: number): number {
  const word = words[index >> 1] ?? 0;
  return (index & 1) === 0 ? word >>> 16 : word & 0xffff;
}

function setGroup(words: Uint32Array, index: number, value: number): void {
  const word = words[index >> 1] ?? 0;
  words[index >> 1] = (index & 1) === 0 ? (value << 16) | (word & 0xffff) : (word & 0xffff0000) | value;
}
