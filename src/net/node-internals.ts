/**
 * The private doors of Node.js, and the only file that goes through them: what its documentation leaves out and may
 * change without notice. Each is looked at before it is used, and without it everything works as well, but slower or
 * with less knowledge. See docs/decisions/0014.
 *
 * - Sockets made of what the kernel accepted (`handle`, `onconnection`): their reads go into one piece of memory for
 *   all of a thread. Node.js offers that for sockets that connect (`onread`), not for those that a server accepts: they
 *   are given 64 KiB of fresh memory for every read, and collecting that took more than half of the CPU time of an
 *   upload. This door changes how Node.js works, so it is open on major versions only on which the tests have run
 *   (`testedVersions`; `npm run test:versions`). Elsewhere Node's own sockets come, as `connection` events.
 * - What Node.js knows of a socket (`_handle`): its descriptor, and what libuv has not written. Reading them changes
 *   nothing, so the shape alone decides.
 *
 * `MILLRACE_PLAIN_SOCKETS=1` in the environment shuts the first door, as an untested version does: for tests.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net";

/** The major versions of Node.js on which sockets are made of accepted handles. */
export const testedVersions: readonly number[] = [22, 24, 26];

/** A body of 64 KiB and its head come in one read, and so leave in one write. */
export const readMemoryBytes = 81_920;
const memory = Buffer.allocUnsafeSlow(readMemoryBytes);

/** Is told what a socket reads. */
export interface ReadTarget {
  /** A read brought the first `byteCount` of `bytes`. They have to be consumed or copied before it returns. */
  onRead(byteCount: number, bytes: Buffer): void;
}

interface Handle {
  readonly fd?: unknown;
  readonly writeQueueSize?: unknown;
  readonly useUserBuffer?: unknown;
  setNoDelay?(isOn: boolean): void;
}

interface ListeningHandle {
  onconnection?: ((error: number | undefined, accepted: Handle | undefined) => void) | null;
}

const handleOf = (socket: object): Handle | null => (socket as { readonly _handle?: Handle | null })._handle ?? null;

/** The descriptor of a socket; -1 if it has none yet, or none any more. */
export function descriptorOf(socket: object): number {
  const fd = handleOf(socket)?.fd;
  return typeof fd === "number" ? fd : -1;
}

/** Bytes that were handed to libuv and that the kernel has not taken yet; 0 if this is not known. */
export function writeQueueBytesOf(socket: object): number {
  const size = handleOf(socket)?.writeQueueSize;
  return typeof size === "number" ? size : 0;
}

/** A half-open socket without Nagle's algorithm (`noDelay`). Nothing is read before `startReading`. */
export class AcceptedSocket extends Socket {
  readonly #reading: { target: ReadTarget | null };

  /** @throws if this Node.js does not make sockets of accepted handles */
  constructor(handle: object) {
    const reading: { target: ReadTarget | null } = { target: null };
    const callback = (byteCount: number): boolean => {
      reading.target?.onRead(byteCount, memory);
      return true;
    };
    super({
      handle,
      allowHalfOpen: true,
      manualStart: true,
      onread: { buffer: memory, callback },
    } as unknown as SocketConstructorOpts);
    if (handleOf(this) !== handle) throw new TypeError("the handle was not taken");
    (handle as Handle).setNoDelay?.(true);
    this.#reading = reading;
  }

  startReading(target: ReadTarget): void {
    this.#reading.target = target;
    this.resume();
  }
}

/** Whether sockets may be made of accepted handles on this version of Node.js (`22.18.0`), with this environment. */
export function mayMakeSockets(version: string, environment: NodeJS.ProcessEnv): boolean {
  return testedVersions.includes(Number.parseInt(version, 10)) && (environment["MILLRACE_PLAIN_SOCKETS"] ?? "") === "";
}

const isOpen = mayMakeSockets(process.versions.node, process.env);

/**
 * Gives the connections that `server` accepts to `onSocket`. Call it when the server listens. Those that cannot be
 * given this way come as `connection` events.
 */
export function onAccepted(server: Server, onSocket: (socket: AcceptedSocket) => void): void {
  const handle = handleOf(server) as ListeningHandle | null;
  const onConnection = handle?.onconnection;
  if (!isOpen || handle === null || typeof onConnection !== "function") return;
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
