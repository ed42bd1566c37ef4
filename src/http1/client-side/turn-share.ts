/**
 * How much of one turn of the event loop a client connection may take. Requests that are answered on the spot
 * (refusals, redirects, fixed texts) need no turn of their own: without a bound, a client that pipelines them keeps the
 * thread for itself as long as it sends. What is left over goes on in a later turn; until then nothing is read.
 */
import type { TurnQueue, TurnTask } from "../../base/turn-queue.ts";

/** How many requests of one connection are taken up in a row. */
const maxRequestsInRow = 16;
/**
 * How many reads that fill the memory for reading are made in a row. After one that does not fill it, the system has no
 * more for now.
 */
const maxFullReadsInRow = 4;

/**
 * Counts what a client connection has taken of this turn, and puts it off to a later one when that is enough. One a
 * connection.
 */
export class TurnShare {
  /** The connection waits for its next turn. */
  isWaiting = false;
  readonly #queue: TurnQueue;
  readonly #connection: TurnTask;
  #requests = 0;
  #fullReads = 0;

  constructor(queue: TurnQueue, connection: TurnTask) {
    this.#queue = queue;
    this.#connection = connection;
  }

  /** What has arrived is going to be consumed. */
  begin(): void {
    this.#requests = 0;
  }

  noteRequest(): void {
    this.#requests++;
  }

  noteRead(byteCount: number, memoryBytes: number): void {
    this.#fullReads = byteCount === memoryBytes ? this.#fullReads + 1 : 0;
  }

  /** It has taken as many requests as it may. */
  get hasEnoughRequests(): boolean {
    return this.#requests >= maxRequestsInRow;
  }

  get hasReadEnough(): boolean {
    return this.#fullReads >= maxFullReadsInRow;
  }

  /** Leaves the rest to a later turn. */
  wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.#queue.add(this.#connection);
  }

  /** The turn has come. */
  take(): void {
    this.isWaiting = false;
    this.#fullReads = 0;
  }
}
