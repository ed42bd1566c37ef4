/** Writes PROXY headers, for endpoints that take them. */
import { ipVersion, parseIpv4, parseIpv6 } from "../../base/ip-address.ts";
import { AddressFamily, fixedBytes, v2Signature } from "./header-v2.ts";
import type { HeaderAddress } from "./proxy-header.ts";

/** What endpoints may be sent. */
export type ProxyProtocolVersion = "v1" | "v2";

/** The client that a connection to an endpoint is for, and where it had connected to. */
export interface HeaderAddresses {
  readonly source: HeaderAddress;
  readonly destination: HeaderAddress;
}

const local = 0x20;
const proxy = 0x21;
const stream = 1;

/**
 * The header of a connection to an endpoint.
 * @param addresses null = it is for no client (a health check), or for one without an address, as on a Unix socket
 */
export function writeProxyHeader(version: ProxyProtocolVersion, addresses: HeaderAddresses | null): Buffer {
  return version === "v1" ? Buffer.from(toLine(addresses), "latin1") : toBlock(addresses);
}

function toLine(addresses: HeaderAddresses | null): string {
  if (addresses === null) return "PROXY UNKNOWN\r\n";
  const { source, destination } = addresses;
  const isIpv4 = isBothIpv4(addresses);
  const from = isIpv4 ? source.address : toIpv6Text(source.address);
  const to = isIpv4 ? destination.address : toIpv6Text(destination.address);
  return `PROXY ${isIpv4 ? "TCP4" : "TCP6"} ${from} ${to} ${source.port} ${destination.port}\r\n`;
}

function toBlock(addresses: HeaderAddresses | null): Buffer {
  if (addresses === null) return toHead(local, 0, 0);
  const isIpv4 = isBothIpv4(addresses);
  const width = isIpv4 ? 4 : 16;
  const family = isIpv4 ? AddressFamily.ipv4 : AddressFamily.ipv6;
  const block = toHead(proxy, (family << 4) | stream, 2 * width + 4);
  const { source, destination } = addresses;
  writeAddress(block, source.address, fixedBytes, width);
  writeAddress(block, destination.address, fixedBytes + width, width);
  block.writeUInt16BE(source.port, fixedBytes + 2 * width);
  block.writeUInt16BE(destination.port, fixedBytes + 2 * width + 2);
  return block;
}

/** A header whose last `restBytes` are not written yet. */
function toHead(command: number, family: number, restBytes: number): Buffer {
  const block = Buffer.alloc(fixedBytes + restBytes);
  v2Signature.copy(block);
  block[12] = command;
  block[13] = family;
  block.writeUInt16BE(restBytes, 14);
  return block;
}

const isBothIpv4 = ({ source, destination }: HeaderAddresses): boolean =>
  ipVersion(source.address) === 4 && ipVersion(destination.address) === 4;

/** An IPv4 address beside one of IPv6 is written as one of that (RFC 4291 section 2.5.5.2). */
const toIpv6Text = (address: string): string => (address.includes(":") ? address : `::ffff:${address}`);

function writeAddress(block: Buffer, address: string, at: number, width: number): void {
  if (width === 4) {
    block.writeUInt32BE(parseIpv4(address), at);
    return;
  }
  parseIpv6(toIpv6Text(address), words);
  for (let word = 0; word < 4; word++) block.writeUInt32BE(words[word]!, at + word * 4);
}

const words = new Uint32Array(4);
