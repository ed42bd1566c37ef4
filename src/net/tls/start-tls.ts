/** Puts TLS on a socket. */
import { BareSocket } from "../bare-socket.ts";
import type { KernelSocket } from "../kernel-socket.ts";
import { PlainSocket } from "../plain-socket.ts";
import { BareTlsSocket } from "./bare-tls-socket.ts";
import { PlainTlsSocket } from "./plain-tls-socket.ts";
import type { AcceptTlsOptions, DialTlsOptions, TlsRole, TlsSocket, TlsStarter } from "./tls-socket.ts";

/**
 * Begins a handshake as the server on `socket`, which is taken over: from now on it has no listener, and of what is
 * called on it, only `destroy` and `reset` do anything, to the socket that stands on it. It must not have anything
 * unsent. May be called within its `onRead`.
 */
export function acceptTls(socket: KernelSocket, options: AcceptTlsOptions, starter: TlsStarter): TlsSocket {
  return startTls(socket, { accept: options }, starter);
}

/** As `acceptTls`, but as the client, on a socket that is connected and has read nothing. */
export function dialTls(socket: KernelSocket, options: DialTlsOptions, starter: TlsStarter): TlsSocket {
  return startTls(socket, { dial: options }, starter);
}

function startTls(socket: KernelSocket, role: TlsRole, starter: TlsStarter): TlsSocket {
  if (socket instanceof BareSocket) return new BareTlsSocket(socket, role, starter);
  if (socket instanceof PlainSocket) return new PlainTlsSocket(socket, role, starter);
  throw new Error("TLS stands on the sockets of this folder only");
}
