/**
 * The connections of one endpoint on which nothing is in flight, and the attempts that wait for a look at one of them.
 *
 * Three rules say which attempt gets which connection.
 * 1. A request that may be sent again gets the youngest, so that surplus connections grow old and are closed.
 * 2. A request that could not be sent again gets only a connection whose socket has been looked at since its last
 *    answer: the FIN that came with that answer is read in the next polling phase only, and a queue, a pipelining
 *    client or a stalled thread would have the request written before that. It gets one that has been through such a
 *    phase, if there is one; polling phases are counted for a while after each such request. Else, if the request came
 *    after the answer, the socket is looked at on the spot. If the request was there when the answer ended, it waits
 *    for `settleMs` and then a polling phase, because the endpoint's FIN may leave a moment after its answer.
 * 3. After an answer that withheld its content (`http1/endpoint-side/reuse.ts`), a connection is given to nobody before
 *    it has been silent for `quietMs` and then been looked at: if the thread was held up, what arrived in that time may
 *    still be unread.
 *
 * Connections that are bound to a client connection are kept apart, and looked at before each use: what goes over them
 * cannot be sent elsewhere.
 *
 * At most as many attempts wait as there are connections, each for two turns of the event loop or `quietMs` and two
 * turns; then they go elsewhere.
 */
import type { Attempt, AttemptHandle } from "../../http/attempt.ts";
import { canRepeat } from "../../http1/endpoint-side/pipelining.ts";
import type { EndOfTurn, EndOfTurnTask } from "../../base/end-of-turn.ts";
import type { HeldClock } from "../../base/clock.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import type { BoundConnection } from "../../http/bound-connections.ts";
import type { PooledAddress } from "./address-rotation.ts";
import type { PooledConnection } from "../../http1/endpoint-side/pooled-connection.ts";

/**
 * The owner of the connections. It keeps those that anybody may get, for each address, in the order in which they were
 * parked.
 */
export interface IdleHost {
  readonly endOfTurn: EndOfTurn;
  /** Stands still while what one read has brought is handled: so a request that is there already is told from a later one. */
  readonly clock: HeldClock;
  /** Each connection serves one client alone. Default: no. */
  readonly isPerClient?: boolean;
  /** Default: the machine's scheduler. */
  readonly scheduler?: Scheduler;
  /** Starts `attempt`, which has waited for a connection to `address`, on `connection`; null = on a new one. */
  onReady(attempt: Attempt, address: PooledAddress | null, connection: PooledConnection | null): void;
}

/**
 * After this time, the FIN of an endpoint that closes right after its answer has arrived: a server in Node.js sends it
 * a turn of its event loop later (0.05 to 0.9 ms were seen).
 */
const settleMs = 2;
/** After this time, content that a faulty endpoint sends after an answer without content has begun to arrive. */
const quietMs = 5;
/**
 * After a request that could not be sent again, polling phases are counted for so many turns in which connections were
 * parked.
 */
const countedTurns = 64;
/** Gives idle connections of one endpoint to attempts, and lets attempts wait for one that must be looked at first. */
export class IdleConnections implements EndOfTurnTask {
  readonly #host: IdleHost;
  readonly #bound = new Map<BoundConnection, PooledConnection>();
  readonly #waiting: WaitingAttempt[] = [];
  #parkCount = 0;
  /** `#parkCount` as it was at the last end of a turn. */
  #parkedBefore = 0;
  /** How many of those parked have been through a whole polling phase. */
  #lookedAt = 0;
  /** Everything that had arrived by then has been read. */
  #lookedAtMs = 0;
  /** The time of the last end of a turn: a polling phase began then. */
  #turnedMs = 0;
  #isPlanned = false;
  /** For how many more turns polling phases are counted. */
  #turnsToCount = 0;
  #quiet: ScheduledCall | null = null;

  constructor(host: IdleHost) {
    this.#host = host;
  }

  /** How many are bound to client connections. */
  get boundCount(): number {
    return this.#bound.size;
  }

  /** `connection` has just been answered, and anybody may get it. */
  noteParked({ reuse }: PooledConnection): void {
    reuse.parkedAt = ++this.#parkCount;
    reuse.parkedMs = this.#host.clock.now();
    reuse.isAwaited = false;
    if (this.#turnsToCount > 0 || this.#waiting.length > 0) this.#plan();
  }

  /** Takes in `connection`, which has just been answered, for the client connection that it is bound to. */
  parkBound(connection: PooledConnection): void {
    this.#bound.set(connection, connection);
    this.noteParked(connection);
  }

  isHolding(connection: BoundConnection): boolean {
    return this.#bound.has(connection);
  }

  /** `connection` is gone. */
  noteClosed(connection: PooledConnection): void {
    this.#bound.delete(connection);
    if (this.#waiting.length > 0) this.#plan();
  }

  /** Takes out the connection that `attempt` may be written to now, its own or one to `address`; or null. */
  take(attempt: Attempt, address: PooledAddress | null): PooledConnection | null {
    if (attempt.bound !== null) {
      const connection = this.#bound.get(attempt.bound);
      if (connection !== undefined) {
        if (this.#suits(connection, attempt)) {
          this.#bound.delete(connection);
          return connection;
        }
        if (this.#bound.has(connection)) return null;
      }
      // It was closed before anything was written to it: the client will be asked to log in again.
      attempt.bound = null;
    }
    if (address === null) return null;
    const { idle } = address;
    if (needsLook(attempt)) {
      this.#turnsToCount = countedTurns;
      for (let index = countParkedBy(idle, this.#lookedAt) - 1; index >= 0; index--)
        if (this.#suits(idle[index]!, attempt)) return takeOut(idle, index);
    }
    for (let index = idle.length - 1; index >= 0; index--)
      if (this.#suits(idle[index]!, attempt)) return takeOut(idle, index);
    return null;
  }

  /** Lets `attempt` wait for a connection if `take` had none. @returns false if there is none to wait for */
  wait(attempt: Attempt, address: PooledAddress | null): boolean {
    let candidates: readonly PooledConnection[] = [];
    if (attempt.bound !== null) candidates = [this.#bound.get(attempt.bound)!];
    else if (address !== null) {
      candidates = this.#host.isPerClient === true ? openTo(attempt, address.idle) : address.idle;
      let left = candidates.length;
      for (const other of this.#waiting) if (other.address === address) left--;
      if (left <= 0) return false;
    } else return false;
    const untilMs = this.#waitMs(candidates, attempt) + this.#host.clock.now();
    const waiting = new WaitingAttempt(attempt, address, {
      look: this.#parkCount,
      untilMs,
      onCancel: (gone) => this.#forget(gone),
    });
    this.#waiting.push(waiting);
    attempt.handle = waiting;
    this.#plan();
    return true;
  }

  runAtEndOfTurn(): void {
    this.#isPlanned = false;
    this.#lookedAt = this.#parkedBefore;
    this.#parkedBefore = this.#parkCount;
    const now = this.#host.clock.now();
    this.#lookedAtMs = this.#turnedMs;
    this.#turnedMs = now;
    let isLookPending = false;
    let isQuietPending = false;
    for (const waiting of [...this.#waiting]) {
      if (waiting.isOver) continue;
      const connection = this.take(waiting.attempt, waiting.address);
      if (connection === null && waiting.look > this.#lookedAt) isLookPending = true;
      else if (connection === null && now < waiting.untilMs) isQuietPending = true;
      else if (connection === null && this.#lookedAtMs < waiting.untilMs) isLookPending = true;
      else {
        this.#forget(waiting);
        this.#host.onReady(waiting.attempt, waiting.address, connection);
      }
    }
    if (this.#turnsToCount > 0 && this.#lookedAt < this.#parkCount) {
      this.#turnsToCount--;
      isLookPending = true;
    }
    if (isLookPending) this.#plan();
    if (isQuietPending) this.#quiet ??= (this.#host.scheduler ?? systemScheduler).after(settleMs, this.#onQuiet);
  }

  /** A connection on which something has arrived is closed, which takes it out of its list. */
  #suits(connection: PooledConnection, attempt: Attempt): boolean {
    const { reuse } = connection;
    if (!reuse.isOpenTo(attempt.client)) return false;
    const isLookNeeded = needsLook(attempt);
    if (reuse.isSuspect && this.#lookedAtMs < reuse.parkedMs + quietMs) return false;
    if (isLookNeeded && reuse.isAwaited && this.#lookedAtMs < reuse.parkedMs + settleMs) return false;
    if (
      isLookNeeded &&
      reuse.parkedAt > this.#lookedAt &&
      // Within one read: the request was there before the answer ended.
      (reuse.parkedMs >= this.#host.clock.heldFromMs || !connection.closeUnlessSilent())
    )
      return false;
    reuse.isSuspect = false;
    return true;
  }

  /** How long `attempt` waits for one of `candidates` at most, before the look. */
  #waitMs(candidates: readonly PooledConnection[], attempt: Attempt): number {
    const { heldFromMs } = this.#host.clock;
    const isLookNeeded = needsLook(attempt);
    let waitMs = 0;
    for (const { reuse } of candidates) {
      if (reuse.isSuspect) return quietMs;
      if (!isLookNeeded || reuse.parkedMs < heldFromMs) continue;
      reuse.isAwaited = true;
      waitMs = settleMs;
    }
    return waitMs;
  }

  /** What has arrived while the thread slept is read first. */
  readonly #onQuiet = (): void => {
    this.#quiet = null;
    if (this.#waiting.length > 0) this.#plan();
  };

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#host.endOfTurn.add(this);
  }

  #forget(waiting: WaitingAttempt): void {
    waiting.isOver = true;
    const index = this.#waiting.indexOf(waiting);
    if (index !== -1) this.#waiting.splice(index, 1);
    if (this.#waiting.length > 0 || this.#quiet === null) return;
    this.#quiet.cancel();
    this.#quiet = null;
  }
}

/** How many of `idle`, which are in the order in which they were parked, were parked no later than `parkedAt`. */
function countParkedBy(idle: readonly PooledConnection[], parkedAt: number): number {
  let low = 0;
  let high = idle.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (idle[middle]!.reuse.parkedAt <= parkedAt) low = middle + 1;
    else high = middle;
  }
  return low;
}

function openTo({ client }: Attempt, idle: readonly PooledConnection[]): readonly PooledConnection[] {
  return idle.filter(({ reuse }) => reuse.isOpenTo(client));
}

function takeOut(idle: PooledConnection[], index: number): PooledConnection {
  const connection = idle[index]!;
  if (index === idle.length - 1) idle.pop();
  else idle.splice(index, 1);
  return connection;
}

/** It could not be sent again. */
function needsLook(attempt: Attempt): boolean {
  return !canRepeat(attempt.request) || attempt.bound !== null;
}

/** An attempt that waits for a look at a connection. */
class WaitingAttempt implements AttemptHandle {
  readonly attempt: Attempt;
  readonly address: PooledAddress | null;
  /** Connections that were parked up to then are looked at. */
  readonly look: number;
  /** What has arrived up to then must have been read before; 0 = no such condition. */
  readonly untilMs: number;
  isOver = false;
  readonly #onCancel: (waiting: WaitingAttempt) => void;

  constructor(
    attempt: Attempt,
    address: PooledAddress | null,
    parts: { readonly look: number; readonly untilMs: number; readonly onCancel: (waiting: WaitingAttempt) => void },
  ) {
    this.attempt = attempt;
    this.address = address;
    this.look = parts.look;
    this.untilMs = parts.untilMs;
    this.#onCancel = parts.onCancel;
  }

  resume(): void {}

  cancel(): void {
    this.#onCancel(this);
  }

  skip(): void {
    this.#onCancel(this);
  }
}
