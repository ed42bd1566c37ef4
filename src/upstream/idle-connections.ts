/**
 * The connections of one endpoint on which nothing is in flight, and the attempts that wait for a look at one of them.
 *
 * Three rules say who gets which. A plain request gets the youngest, so that the surplus grows old and is closed. A
 * request that could not be sent again gets none whose socket has not been looked at since its last answer: the FIN
 * that came with that answer is read in the next polling phase only, and a queue, a pipelining client or a stalled
 * thread would have the request written before. It gets one that has been through such a phase, if there is one;
 * polling phases are counted for a while behind each such request. Else, if it came after the answer, the socket is
 * looked at on the spot. One that was there when the answer ended waits for `settleMs` and a polling phase behind them,
 * because the endpoint's FIN may leave a moment after its answer. Behind an answer that withheld its content
 * (`http1/endpoint-side/reuse.ts`) a connection is given to nobody before it has been silent for `quietMs` and then
 * been looked at: what arrived in that time may still be unread where the thread was held up. Those that are bound to a
 * client connection are kept apart, and looked at before each use: what goes over them cannot be sent elsewhere.
 *
 * At most as many attempts wait as there are connections, each for two turns of the event loop or `quietMs` and two
 * turns; then they go elsewhere.
 */
import type { EndOfTurn, EndOfTurnTask } from "../base/end-of-turn.ts";
import type { Clock } from "../base/clock.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import type { BoundConnection } from "../http/bound-connections.ts";
import type { AttemptHandle } from "../http1/endpoint-side/connection-attempt.ts";
import type { EndpointConnection } from "../http1/endpoint-side/endpoint-connection.ts";
import type { PooledAddress } from "./address-rotation.ts";
import type { Attempt } from "./transport.ts";

/**
 * Whose connections they are. It keeps those that anybody may get in the order in which they were parked, address by
 * address.
 */
export interface IdleHost {
  readonly endOfTurn: EndOfTurn;
  readonly clock: Clock;
  /** Default: the machine's. */
  readonly scheduler?: Scheduler;
  /** Starts `attempt`, which has waited for one of `address`, on `connection`; null = on a new one. */
  onReady(attempt: Attempt, address: PooledAddress | null, connection: EndpointConnection | null): void;
}

/**
 * The FIN of an endpoint that closes right behind its answer is there by then: a server in Node.js sends it a turn of
 * its event loop later (0.05 to 0.9 ms were seen).
 */
const settleMs = 2;
/** Content that a careless endpoint sends behind an answer that has none is on its way by then. */
const quietMs = 5;
/**
 * Behind a request that could not be sent again, so many turns in which connections were parked have their polling
 * phases counted.
 */
const countedTurns = 64;
/** Of so many of the youngest the first is taken that needs no look. */
const choices = 16;

/** Gives idle connections of one endpoint to attempts, and lets attempts wait for one that must be looked at first. */
export class IdleConnections implements EndOfTurnTask {
  readonly #host: IdleHost;
  readonly #bound = new Map<BoundConnection, EndpointConnection>();
  readonly #waiting: WaitingAttempt[] = [];
  #parkCount = 0;
  /** `#parkCount` as it was at the last end of a turn. */
  #parkedBefore = 0;
  /** So many of those parked have been through a whole polling phase. */
  #lookedAt = 0;
  /** Whatever had arrived by then has been read. */
  #lookedAtMs = 0;
  /** When the last end of a turn was: a polling phase began then. */
  #turnedMs = 0;
  /**
   * `#parkCount` when the last callback that parked any was over: a request that finds more was there before their
   * answers ended.
   */
  #parkedEarlier = 0;
  #isMomentPlanned = false;
  #isPlanned = false;
  /** Turns whose polling phases are still to be counted. */
  #turnsToCount = 0;
  #quiet: ScheduledCall | null = null;

  constructor(host: IdleHost) {
    this.#host = host;
  }

  /** How many belong to client connections. */
  get boundCount(): number {
    return this.#bound.size;
  }

  /** `connection` has just been answered, and anybody may get it. */
  noteParked({ reuse }: EndpointConnection): void {
    reuse.parkedAt = ++this.#parkCount;
    if (reuse.isSuspect) reuse.parkedMs = this.#host.clock.now();
    reuse.isAwaited = false;
    if (!this.#isMomentPlanned) {
      this.#isMomentPlanned = true;
      queueMicrotask(this.#endMoment);
    }
    if (this.#turnsToCount > 0 || this.#waiting.length > 0) this.#plan();
  }

  /** Takes in `connection`, which has just been answered, for the client connection that it is bound to. */
  parkBound(connection: EndpointConnection): void {
    this.#bound.set(connection, connection);
    this.noteParked(connection);
  }

  isHolding(connection: BoundConnection): boolean {
    return this.#bound.has(connection);
  }

  /** `connection` is gone. */
  noteClosed(connection: EndpointConnection): void {
    this.#bound.delete(connection);
    if (this.#waiting.length > 0) this.#plan();
  }

  /** Takes out the connection that `attempt` may be written to now, its own or one to `address`; or null. */
  take(attempt: Attempt, address: PooledAddress | null): EndpointConnection | null {
    if (attempt.bound !== null) {
      const connection = this.#bound.get(attempt.bound);
      if (connection !== undefined) {
        if (this.#suits(connection, attempt)) {
          this.#bound.delete(connection);
          return connection;
        }
        if (this.#bound.has(connection)) return null;
      }
      // It has died before anything was written to it: the client will be asked to log in again.
      attempt.bound = null;
    }
    if (address === null) return null;
    const { idle } = address;
    if (needsLook(attempt)) {
      this.#turnsToCount = countedTurns;
      const last = Math.max(0, idle.length - choices);
      for (let index = idle.length - 1; index >= last; index--) {
        const { reuse } = idle[index]!;
        if (reuse.parkedAt <= this.#lookedAt && this.#suits(idle[index]!, attempt)) return takeOut(idle, index);
      }
    }
    for (let index = idle.length - 1; index >= 0; index--)
      if (this.#suits(idle[index]!, attempt)) return takeOut(idle, index);
    return null;
  }

  /** Lets `attempt`, for which `take` had none, wait for one. @returns false where there is none to wait for */
  wait(attempt: Attempt, address: PooledAddress | null): boolean {
    let candidates: readonly EndpointConnection[] = [];
    if (attempt.bound !== null) candidates = [this.#bound.get(attempt.bound)!];
    else if (address !== null) {
      candidates = address.idle;
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

  /** A connection on which something has arrived is closed, and so taken out of where it stood. */
  #suits(connection: EndpointConnection, attempt: Attempt): boolean {
    const { reuse } = connection;
    const isLookNeeded = needsLook(attempt);
    if (reuse.isSuspect && this.#lookedAtMs < reuse.parkedMs + quietMs) return false;
    if (isLookNeeded && reuse.isAwaited && this.#lookedAtMs < reuse.parkedMs + settleMs) return false;
    if (
      isLookNeeded &&
      reuse.parkedAt > this.#lookedAt &&
      (reuse.parkedAt > this.#parkedEarlier || !connection.closeUnlessSilent())
    )
      return false;
    reuse.isSuspect = false;
    return true;
  }

  /** How long `attempt` waits for one of `candidates` at most, before the look. */
  #waitMs(candidates: readonly EndpointConnection[], attempt: Attempt): number {
    const now = this.#host.clock.now();
    const isLookNeeded = needsLook(attempt);
    let waitMs = 0;
    for (const { reuse } of candidates) {
      if (reuse.isSuspect) return quietMs;
      if (!isLookNeeded || reuse.parkedAt <= this.#parkedEarlier) continue;
      reuse.isAwaited = true;
      reuse.parkedMs = now;
      waitMs = settleMs;
    }
    return waitMs;
  }

  readonly #endMoment = (): void => {
    this.#isMomentPlanned = false;
    this.#parkedEarlier = this.#parkCount;
  };

  /** Whatever has arrived while the thread slept is read first. */
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

function takeOut(idle: EndpointConnection[], index: number): EndpointConnection {
  const connection = idle[index]!;
  if (index === idle.length - 1) idle.pop();
  else idle.splice(index, 1);
  return connection;
}

/** It could not be sent again. */
function needsLook(attempt: Attempt): boolean {
  return !attempt.isRepeatable || attempt.bound !== null;
}

/** An attempt that waits for a look at a connection. */
class WaitingAttempt implements AttemptHandle {
  readonly attempt: Attempt;
  readonly address: PooledAddress | null;
  /** Whatever was parked up to then is to be looked at. */
  readonly look: number;
  /** And whatever has arrived up to then; 0 = it does not matter. */
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
