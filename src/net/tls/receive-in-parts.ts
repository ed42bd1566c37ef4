/** Hands OpenSSL what was read before TLS began. */
import type { TlsHandle } from "../node-internals.ts";

/**
 * What is received before OpenSSL has taken it lies in memory of the handle: of 1 KiB at first, and 16 KiB are added for
 * good as soon as that is full. A ClientHello is larger, OpenSSL takes it in parts as well, and most requests are not: an
 * idle connection is a third smaller for that.
 */
const partBytes = 1_023;

/** Gives `bytes` to `handle`, until they are all given or `socket`, which stands on it, is destroyed within a call. */
export function receiveInParts(handle: TlsHandle, bytes: Uint8Array, socket: { readonly isDestroyed: boolean }): void {
  for (let at = 0; at < bytes.length && !socket.isDestroyed; at += partBytes)
    handle.receive(bytes.subarray(at, at + partBytes));
}
