/** The wait of a client connection for its next request. */
import type { Output } from "../../net/output.ts";
import type { ClientContext } from "./client-context.ts";
import { type ClientDeadlines, Wait } from "./client-deadlines.ts";

/**
 * Arms the deadline for the next request, and shortens it while draining. One a connection, which was in use when this
 * is made.
 */
export class IdleWait {
  readonly #deadlines: ClientDeadlines;
  readonly #output: Output;
  readonly #context: ClientContext;
  #usedMs: number;

  constructor(deadlines: ClientDeadlines, output: Output, context: ClientContext) {
    this.#deadlines = deadlines;
    this.#output = output;
    this.#context = context;
    this.#usedMs = deadlines.nowMs;
  }

  /** An answer is complete: the connection has been in use up to now. */
  noteUse(): void {
    this.#usedMs = this.#deadlines.nowMs;
  }

  /** The next request may come now. While the client still takes the last answer, that has a deadline of its own. */
  begin(): void {
    if (this.#output.isBlocked) this.#deadlines.stopWaiting();
    else this.#deadlines.await(Wait.idle, this.#context.timeouts.keepAlive);
  }

  /**
   * Waits `graceMs` from now, in place of what was waited for.
   * @returns false if the connection was last in use longer ago than that: then there is nothing to wait for
   */
  shorten(graceMs: number): boolean {
    if (this.#deadlines.nowMs - this.#usedMs >= graceMs) return false;
    this.#deadlines.await(Wait.idle, graceMs);
    return true;
  }
}
