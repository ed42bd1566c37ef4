/** PROXY headers of version 2 for tests, right and wrong. */
import { v2Signature } from "../proxy-protocol/header-v2.ts";
import { Crc32c } from "../proxy-protocol/crc32c.ts";

/** One type-length-value part. @param length what it says of its length, if that is to be wrong */
export function tlv(type: number, value: Buffer | string, length?: number): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(length ?? bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** What a header is made of; each has a right default. */
export interface HeaderParts {
  /** Version and command. */
  readonly command?: number;
  readonly family?: number;
  readonly addresses?: Buffer;
  readonly tlvs?: readonly Buffer[];
  /** What it says of its length, if that is to be wrong. */
  readonly length?: number;
}

/** 192.0.2.7:40001 to 198.51.100.9:443. */
export const ipv4Addresses = Buffer.from([192, 0, 2, 7, 198, 51, 100, 9, 0x9c, 0x41, 0x01, 0xbb]);

/** A header of version 2; by default of an IPv4 client. */
export function headerV2(parts: HeaderParts = {}): Buffer {
  const rest = Buffer.concat([parts.addresses ?? ipv4Addresses, ...(parts.tlvs ?? [])]);
  const head = Buffer.from([...v2Signature, parts.command ?? 0x21, parts.family ?? 0x11, 0, 0]);
  head.writeUInt16BE(parts.length ?? rest.length, 14);
  return Buffer.concat([head, rest]);
}

/** The same with a checksum as its last part. */
export function headerWithChecksum(parts: HeaderParts = {}): Buffer {
  const header = headerV2({ ...parts, tlvs: [...(parts.tlvs ?? []), tlv(3, Buffer.alloc(4))] });
  const sum = new Crc32c();
  sum.add(header, 0, header.length);
  header.writeUInt32BE(sum.value, header.length - 4);
  return header;
}
