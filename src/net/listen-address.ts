/**
 * Where a listener accepts connections: `host:port`, `:port`, `unix:/path` or `fd:N`, as people write it and as the
 * program reads it.
 */
import { ipVersion } from "../base/ip-address.ts";

/**
 * A TCP address. `host` is null for every address of the machine; a host is a literal address (without brackets) or a
 * name. Port 0 = any free port.
 */
export interface TcpListenAddress {
  readonly kind: "tcp";
  readonly host: string | null;
  readonly port: number;
  /** 2 for the second address of a configuration that asks for a free port of one host, and so on. */
  readonly ordinal?: number;
}

/** An address of UDP; host, port and ordinal as in `TcpListenAddress`. */
export interface UdpListenAddress {
  readonly kind: "udp";
  readonly host: string | null;
  readonly port: number;
  readonly ordinal?: number;
}

/** A Unix socket at a path. */
export interface UnixListenAddress {
  readonly kind: "unix";
  readonly path: string;
  /** The permissions of the socket's file. Everybody who may write to the file may connect. */
  readonly mode: number;
}

/** A socket that the parent of this process opened and passed on (systemd socket activation). */
export interface InheritedListenAddress {
  readonly kind: "fd";
  /** Its descriptor, the first is 3; or the name that it was passed on by (`FileDescriptorName` of systemd). */
  readonly fd: number | string;
}

/** An address to listen on, read and checked. */
export type ListenAddress = TcpListenAddress | UdpListenAddress | UnixListenAddress | InheritedListenAddress;

/** The permissions of a Unix socket unless the configuration says otherwise: its owner and its group may connect. */
const defaultSocketMode = 0o660;

/** What `trustedProxies` may hold beside networks: every client of a Unix socket. */
export const unixPeers = "unix";

/** The longest path a Unix socket can have on Linux, in bytes (`sun_path` without its NUL); macOS takes 103. */
export const maxSocketPathBytes = 107;

/**
 * Reads a listen address.
 * @throws RangeError with a sentence for the user.
 */
export function parseListenAddress(text: string): ListenAddress {
  const shown = JSON.stringify(text);
  if (text.startsWith("unix:")) return { kind: "unix", path: parseSocketPath(text), mode: defaultSocketMode };
  if (text.startsWith("fd:")) {
    const socket = text.slice(3);
    if (/^[A-Za-z_][\w.@-]{0,254}$/.test(socket)) return { kind: "fd", fd: socket };
    const fd = Number(socket);
    if (!/^\d{1,6}$/.test(socket) || fd < 3)
      throw new RangeError(
        `${shown} is not an inherited socket; write "fd:3" or a higher number, or the name that systemd gives it, as in "fd:web"`,
      );
    return { kind: "fd", fd };
  }
  if (/^[a-z]+:\/\//i.test(text))
    throw new RangeError(`${shown} is a URL; a listener wants an address such as ":8080" or "127.0.0.1:8080"`);
  if (/^\d+$/.test(text))
    throw new RangeError(`${shown} is not an address; write ":${text}" for that port on every address`);
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (match === null) {
    const hint =
      ipVersion(text) === 6
        ? `an IPv6 address stands in brackets, with a port: "[${text}]:8080"`
        : ipVersion(text) === 4 || /^[\w.-]+$/.test(text)
          ? `the port is missing, as in "${text}:8080"`
          : 'write for example ":8080", "127.0.0.1:8080", "[::1]:8080", "unix:/run/millrace.sock" or "fd:3"';
    throw new RangeError(`${shown} is not an address; ${hint}`);
  }
  const [, bracketed, plain = "", portText = ""] = match;
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > 65_535)
    throw new RangeError(`${shown} has no valid port; ports are 0 (any free one) to 65535`);
  if (bracketed !== undefined) {
    if (ipVersion(bracketed.replace(/%[\w.-]+$/, "")) !== 6)
      throw new RangeError(`${shown} has no valid IPv6 address in its brackets`);
    return { kind: "tcp", host: bracketed.toLowerCase(), port };
  }
  if (plain === "" || plain === "*") return { kind: "tcp", host: null, port };
  if (ipVersion(plain) === 0 && (/^[\d.]+$/.test(plain) || !isHostName(plain)))
    throw new RangeError(`${shown} has no valid host before the port`);
  return { kind: "tcp", host: plain.toLowerCase(), port };
}

/**
 * An address as `parseListenAddress` reads it; the permissions of a Unix socket are left out. Addresses that ask for a
 * free port of one host end in `#2` and so on from the second.
 */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  if (address.kind === "fd") return `fd:${address.fd}`;
  const host = address.host === null ? "" : address.host.includes(":") ? `[${address.host}]` : address.host;
  const ordinal = address.ordinal === undefined ? "" : `#${address.ordinal}`;
  return `${host}:${address.port}${address.kind === "udp" ? "/udp" : ""}${ordinal}`;
}

/**
 * Does a socket on `wide` take what is sent to `narrow`, another address of the same port? A name covers nothing and is
 * covered by every address only.
 */
export function coversAddress(wide: TcpListenAddress, narrow: TcpListenAddress): boolean {
  if (wide.port !== narrow.port) return false;
  if (wide.host === null || wide.host === "::") return true;
  return wide.host === narrow.host || (wide.host === "0.0.0.0" && narrow.host !== null && ipVersion(narrow.host) === 4);
}

/**
 * The permissions of a socket's file as people write them: three octal digits, a zero in front or not.
 * @throws RangeError with a sentence for the user.
 */
export function parseSocketMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text))
    throw new RangeError(
      `${JSON.stringify(text)} is not a mode; write for example "0660" (owner and group may connect) or "0666" (everybody)`,
    );
  return Number.parseInt(text, 8);
}

/**
 * The path of `unix:/path`.
 * @throws RangeError if it is empty, holds a NUL or is longer than a socket's path can be.
 */
export function parseSocketPath(text: string): string {
  const path = text.slice("unix:".length);
  if (path === "" || path.includes("\0") || path.endsWith("/"))
    throw new RangeError(`${JSON.stringify(text)} names no socket; write for example "unix:/run/api.sock"`);
  if (path.startsWith("//"))
    throw new RangeError(`${JSON.stringify(text)} has slashes like a URL; write "unix:${path.replace(/^\/+/, "/")}"`);
  if (Buffer.byteLength(path) > maxSocketPathBytes)
    throw new RangeError(
      `${JSON.stringify(text)} is too long; the path of a Unix socket has at most ${maxSocketPathBytes} bytes`,
    );
  return path;
}

/**
 * Is `text` a host name in ASCII: labels of letters, digits, `-` and `_`, 1 to 63 characters each, at most 253, an
 * optional dot at the end?
 */
export function isHostName(text: string): boolean {
  return text.length <= 254 && /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/.test(text);
}
