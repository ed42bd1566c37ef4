/** Finds out whether bytes are those that were written: a CRC-32, which finds what was cut, mixed up or damaged. */
import { crc32 } from "node:zlib";

/** The checksum of `bytes`. */
export function checksumOf(bytes: Buffer): number {
  return crc32(bytes);
}
