/** Version 1 of the PROXY header: one line of text. */
import { ipVersion, normalizeIp } from "../../base/ip-address.ts";
import type { HeaderAddress, HeaderReading } from "./proxy-header.ts";

/** How every header of this version begins. */
export const v1Prefix = Buffer.from("PROXY ", "latin1");

/** The longest line, with its end; from the specification. */
const maxLineBytes = 107;

const line = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

/** Reads `bytes`, which begin with the prefix. */
export function readHeaderV1(bytes: Buffer): HeaderReading {
  const lineFeed = bytes.subarray(0, maxLineBytes).indexOf(0x0a);
  if (lineFeed === -1) return bytes.length >= maxLineBytes ? "PROXY header too long" : 1;
  if (bytes[lineFeed - 1] !== 0x0d) return "malformed PROXY header";
  const text = bytes.latin1Slice(0, lineFeed - 1);
  const byteCount = lineFeed + 1;
  // What follows `UNKNOWN` is to be ignored.
  if (/^PROXY UNKNOWN(?: [^\r]*)?$/.test(text)) return { byteCount, source: null, destination: null, facts: null };
  const match = line.exec(text);
  if (match === null) return "malformed PROXY header";
  const family = match[1] === "TCP4" ? 4 : 6;
  const source = toAddress(family, match[2]!, match[4]!);
  const destination = toAddress(family, match[3]!, match[5]!);
  if (source === null || destination === null) return "malformed PROXY header";
  return { byteCount, source, destination, facts: null };
}

function toAddress(family: 4 | 6, address: string, port: string): HeaderAddress | null {
  if (ipVersion(address) !== family || Number(port) > 65_535) return null;
  return { address: normalizeIp(address)!, port: Number(port) };
}
