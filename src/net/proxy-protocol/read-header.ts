/** Reads the PROXY header at the beginning of a connection, of either version. */
import { readHeaderV1, v1Prefix } from "./header-v1.ts";
import { fixedBytes, readHeaderV2, v2Signature } from "./header-v2.ts";
import type { HeaderReading } from "./proxy-header.ts";

/**
 * Reads the header that `bytes` begin with. What cannot become one any more is a problem at once, however few bytes
 * there are. Nothing behind the header is looked at.
 */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (bytes.length === 0) return 1;
  // The versions differ in their first byte.
  const isV2 = bytes[0] === v2Signature[0];
  const prefix = isV2 ? v2Signature : v1Prefix;
  const length = Math.min(prefix.length, bytes.length);
  if (bytes.compare(prefix, 0, length, 0, length) !== 0) return "no PROXY header";
  if (length < prefix.length) return isV2 ? fixedBytes - length : 1;
  return isV2 ? readHeaderV2(bytes) : readHeaderV1(bytes);
}
