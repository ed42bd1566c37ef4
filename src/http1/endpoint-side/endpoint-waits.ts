/**
 * What a connection to an endpoint waits for, one thing at a time: the head of an answer, more of it, or the next
 * request.
 */
import type { AttemptTimeouts } from "../../http/attempt.ts";
import { Deadline } from "../../base/timer-wheel.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { isStreaming } from "../../http/streaming.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { InterimGuard } from "./interim-guard.ts";
import { ProgressWatch } from "../../net/progress-watch.ts";
import type { Wire } from "../../net/wire.ts";

/** What these are made of. */
export interface EndpointWaitsParts {
  readonly owner: Pick<ConnectionOwner, "wheel" | "timeouts">;
  readonly wire: Wire;
  readonly onTimeUp: (code: ReasonCode | null) => void;
}

/** Holds the deadline of one connection to an endpoint. Durations in milliseconds; 0 = no limit. */
export class EndpointWaits {
  readonly interim = new InterimGuard();
  /** The last request has a body: what was handed to the kernel may take the endpoint long. */
  sendsBody = false;
  readonly #owner: Pick<ConnectionOwner, "wheel" | "timeouts">;
  readonly #wire: Wire;
  readonly #onTimeUp: () => void;
  readonly #deadline: Deadline;
  /** In place of the deadline, while the endpoint may be slow to take what it is sent. */
  #watch: ProgressWatch | null = null;
  /** Why it is over when the time is up; null = it was idle for long enough. */
  #code: ReasonCode | null = null;
  /** How long this answer may pause; -1 = not known yet. */
  #idleMs = -1;

  constructor({ owner, wire, onTimeUp }: EndpointWaitsParts) {
    this.#owner = owner;
    this.#wire = wire;
    this.#onTimeUp = () => onTimeUp(this.#code);
    this.#deadline = new Deadline(this.#onTimeUp);
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
    if (this.#idleMs === -1)
      this.#idleMs = idle > 0 && isStreaming(head) ? Math.max(idle, this.#owner.timeouts.longIdle) : idle;
    this.awaitBytes(this.#idleMs);
  }

  /**
   * A tunnel may rest for long; once one side has said that it is done, the other one has no longer than a pause in an
   * answer.
   */
  awaitTunnel({ idle }: AttemptTimeouts, what: "whole" | "half"): void {
    this.awaitBytes(what === "half" && idle > 0 ? idle : this.#owner.timeouts.longIdle);
  }

  awaitBytes(delayMs: number): void {
    this.#arm("UPSTREAM_IDLE_TIMEOUT", delayMs);
  }

  /** Nothing is waited for. */
  stop(): void {
    this.#watch?.stop();
    this.#owner.wheel.disarm(this.#deadline);
  }

  /** The connection is gone. */
  remove(): void {
    this.#watch?.remove();
    this.#owner.wheel.remove(this.#deadline);
  }

  #arm(code: ReasonCode | null, delayMs: number): void {
    this.#code = code;
    if (code !== null && (this.sendsBody || this.#wire.output.isBlocked)) {
      this.#owner.wheel.disarm(this.#deadline);
      this.#watch ??= new ProgressWatch({
        socket: this.#wire.kernelSocket,
        wheel: this.#owner.wheel,
        onStalled: this.#onTimeUp,
      });
      this.#watch.await(delayMs, "both");
      return;
    }
    this.#watch?.stop();
    if (delayMs > 0) this.#owner.wheel.arm(this.#deadline, delayMs);
    else this.#owner.wheel.disarm(this.#deadline);
  }
}
