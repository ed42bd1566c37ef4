/** Version 2 of the PROXY header: a binary block that says how long it is. */
import { normalizeIp } from "../../base/ip-address.ts";
import { type HeaderAddress, type HeaderFacts, type HeaderReading, maxHeaderBytes } from "./proxy-header.ts";
import { readTlvs } from "./tlvs.ts";

/** How every header of this version begins. */
export const v2Signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);

/** Signature, version and command, family and transport, length. */
export const fixedBytes = 16;

const localCommand = 0x20;
const proxyCommand = 0x21;

/** The high half of the byte after the command. */
export const AddressFamily = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const;
/** The low half. */
const stream = 1;
const highestTransport = 2;

/** Bytes of one address in each family, by its number. */
const addressBytes = [0, 4, 16, 108] as const;

/** Reads `bytes`, which begin with the signature. Nothing behind the header is looked at. */
export function readHeaderV2(bytes: Buffer): HeaderReading {
  if (bytes.length < fixedBytes) return fixedBytes - bytes.length;
  const command = bytes[12]!;
  if (command !== localCommand && command !== proxyCommand) return "malformed PROXY header";
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 15;
  const byteCount = fixedBytes + bytes.readUInt16BE(14);
  if (byteCount > maxHeaderBytes) return "PROXY header too long";
  const isLocal = command === localCommand;
  // A health check of the proxy in front of us: family and addresses are to be ignored, whatever they are.
  if (!isLocal && (family > AddressFamily.unix || transport > highestTransport)) return "malformed PROXY header";
  if (bytes.length < byteCount) return byteCount - bytes.length;
  if (isLocal) return { byteCount, source: null, destination: null, facts: null };
  const width = addressBytes[family]!;
  const portBytes = isInternet(family) ? 4 : 0;
  const tlvsAt = fixedBytes + 2 * width + portBytes;
  if (tlvsAt > byteCount) return "malformed PROXY header";
  const facts = readTlvs(bytes, tlvsAt, byteCount);
  if (typeof facts === "string") return facts;
  if (!isInternet(family) || transport !== stream) return { byteCount, source: null, destination: null, facts };
  return readAddresses(bytes, width, { byteCount, facts });
}

const isInternet = (family: number): boolean => family === AddressFamily.ipv4 || family === AddressFamily.ipv6;

function readAddresses(
  bytes: Buffer,
  width: number,
  rest: { readonly byteCount: number; readonly facts: HeaderFacts | null },
): HeaderReading {
  const portsAt = fixedBytes + 2 * width;
  const source: HeaderAddress = { address: readAddress(bytes, fixedBytes, width), port: bytes.readUInt16BE(portsAt) };
  const destination: HeaderAddress = {
    address: readAddress(bytes, fixedBytes + width, width),
    port: bytes.readUInt16BE(portsAt + 2),
  };
  return { byteCount: rest.byteCount, source, destination, facts: rest.facts };
}

/** Normalised. The system need not know the family: an IPv6 address is text here. */
function readAddress(bytes: Buffer, at: number, width: number): string {
  if (width === 4) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  let text = "";
  for (let offset = 0; offset < width; offset += 2)
    text += (offset === 0 ? "" : ":") + bytes.readUInt16BE(at + offset).toString(16);
  return normalizeIp(text)!;
}
