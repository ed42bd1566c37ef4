/**
 * One piece of memory for the reads of all client connections of a thread: what a read brings is parsed, or copied, before the next read of anybody.
 *
 * Node.js offers this for sockets that connect (`onread`), not for those that a server accepts: they are given 64 KiB of fresh memory for every read, and
 * collecting that took half the CPU time of an upload. So an accepted connection moves to a socket made with `onread`, by the constructor option `handle`, which Node's
 * own modules use and its documentation leaves out. Where a Node.js does not have it, the accepted socket stays, and all is as before, but slower.
 * See docs/decisions/0014.
 */
import { Socket, type SocketConstructorOpts } from "node:net";

const memory = Buffer.allocUnsafeSlow(65_536);

interface Accepted {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * Moves `accepted`, which must not have been read from (`pauseOnConnect`), to a socket that reads into the shared memory; half-open connections are allowed.
 * @param onRead told how many bytes a read brought; they are at the start of `bytes` and have to be consumed or copied before it returns
 * @returns null where that cannot be done; then `accepted` is as it was
 */
export function readIntoSharedMemory(accepted: Socket, onRead: (byteCount: number, bytes: Buffer) => void): Socket | null {
  const before = accepted as unknown as Accepted;
  const handle = before._handle;
  if (typeof handle?.useUserBuffer !== "function") return null;
  const callback = (byteCount: number): boolean => {
    onRead(byteCount, memory);
    return true;
  };
  const options = { handle, allowHalfOpen: true, readable: true, writable: true, onread: { buffer: memory, callback } };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  if ((socket as unknown as Accepted)._handle !== handle) return null;
  // Without its handle the accepted socket is an empty shell; destroyed, it is no longer counted by its server.
  before._handle = null;
  accepted.destroy();
  return socket;
}
