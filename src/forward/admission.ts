/**
 * An exchange's place in the limits of its upstream: it has one, waits for one, or is refused. Made only if there
 * are limits.
 */
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Place, Waiter } from "../upstream/pending-queue.ts";
import type { Saturation } from "../upstream/saturation.ts";

/** Whose place it is. */
export interface AdmissionHost {
  /** Endpoints that `pick` leaves out. */
  tried: readonly Endpoint[];
  pick(): Endpoint | null;
  /** There is room, at `endpoint`; null: there is no endpoint to pick, with room or without. */
  onAdmitted(endpoint: Endpoint | null): void;
  onRefused(code: "QUEUE_FULL" | "QUEUE_TIMEOUT"): void;
  onInternalError(error: unknown): void;
}

/**
 * Asks the limits of an upstream for a place, waits for it, and gives it back. `ask` comes before each attempt, `end`
 * after the last.
 */
export class Admission implements Waiter {
  place: Place | null = null;
  readonly #saturation: Saturation;
  readonly #host: AdmissionHost;
  /** It stands in the queue. */
  isWaiting = false;
  #hasPlace = false;

  constructor(saturation: Saturation, host: AdmissionHost) {
    this.#saturation = saturation;
    this.#host = host;
  }

  /** Asks for room for an attempt; the answer comes now or later. */
  ask(): void {
    if ((this.#hasPlace || this.#saturation.isQueueEmpty) && this.#tryNow()) return;
    if (this.#saturation.wait(this)) this.isWaiting = true;
    else this.#host.onRefused("QUEUE_FULL");
  }

  /** Gives everything back, and waits no longer. */
  end(): void {
    this.#stopWaiting();
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    this.#saturation.leave();
  }

  // `Waiter`: called out of the queue, where an exception would end the thread.

  tryAdmission(): boolean {
    try {
      return this.#tryNow();
    } catch (error) {
      this.#host.onInternalError(error);
      return true;
    }
  }

  onQueueTimeout(): void {
    try {
      this.#stopWaiting();
      this.#host.onRefused("QUEUE_TIMEOUT");
    } catch (error) {
      this.#host.onInternalError(error);
    }
  }

  #tryNow(): boolean {
    const hadPlace = this.#hasPlace;
    if (!hadPlace && !this.#saturation.enter()) return false;
    this.#hasPlace = true;
    const endpoint = this.#pickWithRoom();
    if (endpoint === "full") {
      if (!hadPlace) {
        this.#hasPlace = false;
        this.#saturation.leaveUnused();
      }
      return false;
    }
    this.#stopWaiting();
    this.#host.onAdmitted(endpoint);
    return true;
  }

  /** Takes a place at the endpoint it returns. */
  #pickWithRoom(): Endpoint | "full" | null {
    const host = this.#host;
    const tried = host.tried;
    let endpoint = host.pick();
    while (endpoint !== null && !this.#saturation.enterEndpoint(endpoint)) {
      host.tried = [...host.tried, endpoint];
      endpoint = host.pick();
    }
    const isFull = endpoint === null && host.tried !== tried;
    host.tried = tried;
    return isFull ? "full" : endpoint;
  }

  #stopWaiting(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.#saturation.stopWaiting(this);
  }
}
