/** What a connection to an endpoint waits for, one thing at a time: the head of an answer, more of it, or the next request. */
import { Deadline } from "../base/timer-wheel.ts";
import type { ResponseHead } from "../http/message.ts";
import type { ReasonCode } from "../http/reason.ts";
import { isStreaming } from "../http/streaming.ts";
import type { AttemptTimeouts, ConnectionOwner } from "./client-attempt.ts";
import { InterimGuard } from "./interim-guard.ts";

/** One a connection. Durations in milliseconds; 0 = no limit. */
export class EndpointWaits {
  readonly interim = new InterimGuard();
  readonly #owner: Pick<ConnectionOwner, "wheel" | "timeouts">;
  readonly #deadline: Deadline;
  /** Why it is over when the time is up; null = it was idle for long enough. */
  #code: ReasonCode | null = null;
  /** How long this answer may pause; -1 = not known yet. */
  #idleMs = -1;

  constructor(owner: Pick<ConnectionOwner, "wheel" | "timeouts">, onTimeUp: (code: ReasonCode | null) => void) {
    this.#owner = owner;
    this.#deadline = new Deadline(() => onTimeUp(this.#code));
  }

  /** For the next request. */
  awaitUse(delayMs: number): void {
    this.#arm(null, delayMs);
  }

  /** @param sentBytes of request bodies on this connection so far */
  awaitHead({ firstByte }: AttemptTimeouts, sentBytes: number): void {
    const { interim } = this;
    const delayMs = interim.hasSeen ? interim.waitMs(firstByte, this.#owner.wheel.clock.now(), sentBytes) : firstByte;
    this.#arm("UPSTREAM_FIRST_BYTE_TIMEOUT", delayMs);
  }

  /** The head of an answer has come. */
  beginBody(): void {
    this.interim.isHeld = false;
    this.#idleMs = -1;
  }

  awaitBody({ idle }: AttemptTimeouts, head: ResponseHead): void {
    // Found out when an answer does not come at once.
    if (this.#idleMs === -1) this.#idleMs = idle > 0 && isStreaming(head) ? Math.max(idle, this.#owner.timeouts.longIdle) : idle;
    this.awaitBytes(this.#idleMs);
  }

  awaitBytes(delayMs: number): void {
    this.#arm("UPSTREAM_IDLE_TIMEOUT", delayMs);
  }

  /** Nothing is waited for. */
  stop(): void {
    this.#owner.wheel.disarm(this.#deadline);
  }

  /** The connection is gone. */
  remove(): void {
    this.#owner.wheel.remove(this.#deadline);
  }

  #arm(code: ReasonCode | null, delayMs: number): void {
    this.#code = code;
    if (delayMs > 0) this.#owner.wheel.arm(this.#deadline, delayMs);
    else this.#owner.wheel.disarm(this.#deadline);
  }
}
