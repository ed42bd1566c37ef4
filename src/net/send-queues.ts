/**
 * How many bytes the kernel still holds for the peer of a TCP connection (what `SIOCOUTQ` tells; Node.js has no call
 * for it), read from the kernel's table of connections (`/proc/net/tcp`, Linux only). It is the only sign of a peer
 * that takes its bytes slowly: the kernel tells a writer nothing until a third of its send buffer is free, and that
 * buffer may be a megabyte.
 *
 * The table has a line for each connection of the machine. So it is read in the background, a piece at a time, once for
 * all askers, and for at most a tenth of the time.
 */
import { close, open, read, readlinkSync } from "node:fs";
import type { SocketProgress } from "./kernel-socket.ts";
import { readSocketLine, socketInodeOf, socketTables } from "./socket-table.ts";

/** Asks for a send queue. */
export interface SendQueueAsker {
  readonly socket: SocketProgress;
  /** @param byteCount bytes that the peer has not acknowledged; -1 if this is not known */
  onSendQueue(byteCount: number): void;
}

const pieceBytes = 65_536;
/** The next look waits this many times as long as the last one took. */
const restFactor = 10;
const newline = 10;
const none = -1;

/** How a table is read; replaced in tests. @throws if there is none */
export type TableReader = (
  path: string,
  onPiece: (piece: Buffer) => void,
  onEnd: (error: Error | null) => void,
) => void;

/** Looks up send queues for one thread. */
export class SendQueues {
  readonly #readTable: TableReader;
  readonly #now: () => number;
  /** Who waits for the next look. */
  #asking: SendQueueAsker[] = [];
  #isLooking = false;
  #isTimed = false;
  #nextLookMs = 0;

  constructor(readTable: TableReader = readInPieces, now: () => number = () => performance.now()) {
    this.#readTable = readTable;
    this.#now = now;
  }

  /**
   * Tells `asker` later, never within the call. It is told -1 if its socket cannot be looked up (a Unix socket, another
   * system).
   */
  ask(asker: SendQueueAsker): void {
    this.#asking.push(asker);
    if (this.#isLooking || this.#isTimed) return;
    this.#isTimed = true;
    const restMs = this.#nextLookMs - this.#now();
    // The first waits for others that ask in the same turn: one look serves all.
    if (restMs <= 0) setImmediate(this.#look);
    else setTimeout(this.#look, restMs).unref();
  }

  readonly #look = (): void => {
    this.#isTimed = false;
    const askers = this.#asking;
    this.#asking = [];
    this.#isLooking = true;
    const startedMs = this.#now();
    const wanted = new Map<string, SendQueueAsker[]>();
    const paths = new Set<string>();
    for (const asker of askers) {
      const inode = inodeOf(asker.socket);
      if (inode === null) asker.onSendQueue(none);
      else {
        const same = wanted.get(inode);
        if (same === undefined) wanted.set(inode, [asker]);
        else same.push(asker);
        paths.add(asker.socket.remoteAddress?.includes(":") === true ? socketTables.IPv6 : socketTables.IPv4);
      }
    }
    this.#readAll([...paths], wanted, () => {
      for (const rest of wanted.values()) for (const asker of rest) asker.onSendQueue(none);
      const endedMs = this.#now();
      this.#nextLookMs = endedMs + restFactor * (endedMs - startedMs);
      this.#isLooking = false;
      const [next] = this.#asking.splice(0, 1);
      if (next !== undefined) this.ask(next);
    });
  };

  #readAll(paths: string[], wanted: Map<string, SendQueueAsker[]>, onEnd: () => void): void {
    const path = paths.pop();
    if (path === undefined || wanted.size === 0) return onEnd();
    let rest = "";
    const onPiece = (piece: Buffer): void => {
      const end = piece.lastIndexOf(newline) + 1;
      for (const line of (rest + piece.latin1Slice(0, end)).split("\n")) tell(line, wanted);
      rest = piece.latin1Slice(end, piece.length);
    };
    this.#readTable(path, onPiece, () => this.#readAll(paths, wanted, onEnd));
  }
}

function tell(line: string, wanted: Map<string, SendQueueAsker[]>): void {
  const found = readSocketLine(line);
  const askers = found === null ? undefined : wanted.get(found.inode);
  if (found === null || askers === undefined) return;
  wanted.delete(found.inode);
  for (const asker of askers) asker.onSendQueue(Number.isNaN(found.unsentBytes) ? none : found.unsentBytes);
}

/** The number that the kernel gave the socket; null if it has none or is closed. */
function inodeOf(socket: SocketProgress): string | null {
  const fd = socket.descriptor;
  if (fd < 0 || socket.remoteAddress === undefined) return null;
  try {
    return socketInodeOf(readlinkSync(`/proc/self/fd/${fd}`));
  } catch {
    return null;
  }
}

function readInPieces(path: string, onPiece: (piece: Buffer) => void, onEnd: (error: Error | null) => void): void {
  open(path, "r", (openError, fd) => {
    if (openError !== null) return onEnd(openError);
    const memory = Buffer.allocUnsafe(pieceBytes);
    const next = (): void =>
      read(fd, memory, 0, pieceBytes, null, (error, byteCount) => {
        if (error === null && byteCount > 0) {
          onPiece(memory.subarray(0, byteCount));
          next();
        } else close(fd, () => onEnd(error));
      });
    next();
  });
}

/** Those of this thread. */
export const sendQueues = new SendQueues();
