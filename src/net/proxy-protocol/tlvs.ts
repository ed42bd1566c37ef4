/**
 * The type-length-value parts behind the addresses of a PROXY header of version 2. Those that we know are kept for the
 * log; their texts are bounded, and what is no text in them cannot leave it. Each must end within the header.
 */
import { Crc32c } from "./crc32c.ts";
import type { HeaderFacts, HeaderProblem, HeaderTls } from "./proxy-header.ts";

/** The types that we know. */
const TlvType = { alpn: 0x01, authority: 0x02, checksum: 0x03, uniqueId: 0x05, tls: 0x20 } as const;
/** Those within the value of `tls`. */
const TlsTlvType = { version: 0x21, clientName: 0x22, cipher: 0x23 } as const;

/** Bits of the first byte of `tls`. */
const clientCertificateBits = 0x02 | 0x04;
/** That byte and four that say how verification went; 0 = well. */
const tlsFixedBytes = 5;

/** The specification bounds the unique id; the others are names, as in the log (253 is the longest of DNS). */
const maxTextBytes = 255;
const maxUniqueIdBytes = 128;

/** Reads what stands in `bytes[start, end)` of the header `bytes[0, end)`; null = nothing that we know. */
export function readTlvs(bytes: Buffer, start: number, end: number): HeaderFacts | null | HeaderProblem {
  let authority: string | null = null;
  let alpn: string | null = null;
  let uniqueId: string | null = null;
  let tls: HeaderTls | null = null;
  let isChecked = false;
  for (let at = start; at < end; ) {
    const valueAt = at + 3;
    const next = valueAt > end ? end + 1 : valueAt + bytes.readUInt16BE(at + 1);
    if (next > end) return "malformed PROXY header";
    switch (bytes[at]) {
      case TlvType.authority:
        authority = readText(bytes, valueAt, next);
        break;
      case TlvType.alpn:
        alpn = readText(bytes, valueAt, next);
        break;
      case TlvType.uniqueId:
        if (next - valueAt > maxUniqueIdBytes) return "malformed PROXY header";
        uniqueId = bytes.toString("hex", valueAt, next);
        break;
      case TlvType.checksum:
        if (isChecked || next - valueAt !== 4) return "malformed PROXY header";
        if (checksumOf(bytes, valueAt, end) !== bytes.readUInt32BE(valueAt))
          return "PROXY header with a wrong checksum";
        isChecked = true;
        break;
      case TlvType.tls: {
        const read = readTls(bytes, valueAt, next);
        if (read === null) return "malformed PROXY header";
        tls = read;
      }
    }
    at = next;
  }
  return authority === null && alpn === null && uniqueId === null && tls === null
    ? null
    : { authority, alpn, uniqueId, tls };
}

/** Null = it is malformed. */
function readTls(bytes: Buffer, start: number, end: number): HeaderTls | null {
  if (end - start < tlsFixedBytes) return null;
  const hasCertificate = (bytes[start]! & clientCertificateBits) !== 0;
  const isClientVerified = hasCertificate && bytes.readUInt32BE(start + 1) === 0;
  let version: string | null = null;
  let cipher: string | null = null;
  let clientName: string | null = null;
  for (let at = start + tlsFixedBytes; at < end; ) {
    const valueAt = at + 3;
    const next = valueAt > end ? end + 1 : valueAt + bytes.readUInt16BE(at + 1);
    if (next > end) return null;
    if (bytes[at] === TlsTlvType.version) version = readText(bytes, valueAt, next);
    else if (bytes[at] === TlsTlvType.cipher) cipher = readText(bytes, valueAt, next);
    else if (bytes[at] === TlsTlvType.clientName) clientName = readText(bytes, valueAt, next);
    at = next;
  }
  return { version, cipher, clientName, isClientVerified };
}

/** At most `maxTextBytes`; bytes that are no UTF-8 become U+FFFD. Whoever writes it escapes it. */
function readText(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, Math.min(end, start + maxTextBytes));
}

/** The checksum of the header `bytes[0, end)`, in which that at `checksumAt` counts as zeros. */
function checksumOf(bytes: Buffer, checksumAt: number, end: number): number {
  const sum = new Crc32c();
  sum.add(bytes, 0, checksumAt);
  sum.add(zeros, 0, 4);
  sum.add(bytes, checksumAt + 4, end);
  return sum.value;
}

const zeros = Buffer.alloc(4);
