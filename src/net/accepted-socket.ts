/**
 * Accepted connections that are read into one piece of memory, shared by all connections of a thread: what a read
 * brings is parsed, or copied, before the next read of any connection.
 *
 * Node.js offers this for sockets that connect (`onread`), not for those that a server accepts: they are given 64 KiB
 * of fresh memory for every read, and collecting that took more than half of the CPU time of an upload. So sockets are
 * made here from what the kernel accepted, by the constructor option `handle`, as Node's own server makes its sockets;
 * the option is not documented. If a version of Node.js does not have it, its own sockets come as `connection` events,
 * and everything works as without this file, but slower. See docs/decisions/0014.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net";

/** A body of 64 KiB and its head come in one read, and so leave in one write. */
export const readMemoryBytes = 81_920;
const memory = Buffer.allocUnsafeSlow(readMemoryBytes);

/**
 * Takes the `byteCount` bytes of a read, at the start of `bytes`. They have to be consumed or copied before it returns.
 */
export type ReadListener = (byteCount: number, bytes: Buffer) => void;

interface Handle {
  readonly useUserBuffer?: unknown;
  setNoDelay?(isOn: boolean): void;
}

interface ListeningHandle {
  onconnection?: ((error: number | undefined, accepted: Handle | undefined) => void) | null;
}

/** A half-open socket without Nagle's algorithm (`noDelay`). Nothing is read before `startReading`. */
export class AcceptedSocket extends Socket {
  readonly #reading: { onRead: ReadListener };

  /** @throws if this Node.js does not make sockets of accepted handles */
  constructor(handle: Handle) {
    const reading = { onRead: (): void => {} };
    const callback = (byteCount: number): boolean => {
      (reading as { onRead: ReadListener }).onRead(byteCount, memory);
      return true;
    };
    super({
      handle,
      allowHalfOpen: true,
      manualStart: true,
      onread: { buffer: memory, callback },
    } as unknown as SocketConstructorOpts);
    if ((this as unknown as { _handle: unknown })._handle !== handle) throw new TypeError("the handle was not taken");
    handle.setNoDelay?.(true);
    this.#reading = reading;
  }

  startReading(onRead: ReadListener): void {
    this.#reading.onRead = onRead;
    this.resume();
  }
}

/**
 * Gives the connections that `server` accepts to `onSocket`. Call it when the server listens. Those that cannot be
 * given this way come as `connection` events.
 */
export function onAccepted(server: Server, onSocket: (socket: AcceptedSocket) => void): void {
  const handle = (server as unknown as { readonly _handle?: ListeningHandle | null })._handle;
  const onConnection = handle?.onconnection;
  if (handle === null || handle === undefined || typeof onConnection !== "function") return;
  handle.onconnection = (error, accepted) => {
    const socket = accepted === undefined || error ? null : socketOf(accepted);
    if (socket === null) onConnection.call(handle, error, accepted);
    else onSocket(socket);
  };
}

function socketOf(accepted: Handle): AcceptedSocket | null {
  if (typeof accepted.useUserBuffer !== "function") return null;
  try {
    return new AcceptedSocket(accepted);
  } catch {
    return null;
  }
}
