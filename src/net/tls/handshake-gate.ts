/**
 * Bounds what handshakes may take of a thread, whoever begins them: how many are begun in one turn of the event loop, so
 * that connections that are open are read in between; and how many are under way, so that a flood of clients that never
 * finish theirs costs a bounded amount of memory. If there are too many, the oldest gives way: a client that means it is
 * done after one or two round trips, long before it is the oldest.
 */
import { TurnQueue, type TurnTask } from "../../base/turn-queue.ts";

/** At a time, in one thread; OpenSSL takes 50 to 100 KiB for each. */
export const maxHandshakes = 500;
/** What may be begun at once in one turn; what is more than that waits, and goes on as `TurnQueue` lets it. */
const maxAtOnce = 4;

/** A handshake as the gate sees it. */
export interface GatedHandshake extends TurnTask {
  /** The neighbours among those that are under way; the gate's own. */
  older: GatedHandshake | null;
  newer: GatedHandshake | null;
  /** Too many are under way: it is ended, without `leave`. */
  giveWay(): void;
}

/** The gate of one thread. */
export class HandshakeGate {
  readonly #turns = new TurnQueue();
  readonly #max: number;
  #begunAtOnce = 0;
  #oldest: GatedHandshake | null = null;
  #newest: GatedHandshake | null = null;
  #size = 0;

  /** @param max how many may be under way */
  constructor(max = maxHandshakes) {
    this.#max = max;
  }

  /** How many are under way. */
  get size(): number {
    return this.#size;
  }

  /** Has `handshake.runInTurn` called: now, or in a later turn. */
  begin(handshake: GatedHandshake): void {
    if (this.#turns.length > 0 || this.#begunAtOnce >= maxAtOnce) {
      this.#turns.add(handshake);
      return;
    }
    if (this.#begunAtOnce++ === 0) setImmediate(this.#forgetBegun);
    handshake.runInTurn();
  }

  readonly #forgetBegun = (): void => {
    this.#begunAtOnce = 0;
  };

  /** `handshake` is under way from now on, until `leave` or its `giveWay`. */
  enter(handshake: GatedHandshake): void {
    if (this.#size >= this.#max && this.#oldest !== null) {
      const oldest = this.#oldest;
      this.leave(oldest);
      oldest.giveWay();
    }
    handshake.older = this.#newest;
    if (this.#newest === null) this.#oldest = handshake;
    else this.#newest.newer = handshake;
    this.#newest = handshake;
    this.#size++;
  }

  /** It is over. For one that is not under way it does nothing. */
  leave(handshake: GatedHandshake): void {
    const { older, newer } = handshake;
    if (older === null && this.#oldest !== handshake) return;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    handshake.older = null;
    handshake.newer = null;
    this.#size--;
  }
}
