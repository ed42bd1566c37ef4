/**
 * What a connection to an endpoint waits for, one thing at a time: the head of an answer, more of it, or the next
 * request. Also whether it reads: while the receiver of an answer is slow it does not, and waits for nothing.
 */
import type { AttemptTimeouts } from "../../http/attempt.ts";
import { Deadline } from "../../base/timer-wheel.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { isStreaming } from "../../http/streaming.ts";
import { ProgressWatch } from "../../net/progress-watch.ts";
import type { Wire } from "../../net/wire.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { EndpointState as State } from "./endpoint-state.ts";
import type { InFlight } from "./in-flight.ts";
import { InterimGuard } from "./interim-guard.ts";
import type { RequestWriter } from "./request-writer.ts";

/** What these are made of: their connection's. */
export interface EndpointWaitsParts {
  readonly owner: Pick<ConnectionOwner, "wheel" | "timeouts">;
  readonly wire: Wire;
  readonly inFlight: InFlight;
  readonly writer: RequestWriter;
  readonly reader: AnswerReader;
  /** The time for what is waited for is up; null = for the next request. */
  readonly onTimeUp: (code: ReasonCode | null) => void;
}

/** Holds the deadline of one connection to an endpoint, and pauses its reading. Durations in milliseconds; 0 = no limit. */
export class EndpointWaits {
  readonly interim = new InterimGuard();
  /** The last request has a body: what was handed to the kernel may take the endpoint long. */
  sendsBody = false;
  /** Nothing is read. */
  isPaused = false;
  /** The endpoint's FIN came through the tunnel. */
  hasEndpointEnded = false;
  readonly #owner: Pick<ConnectionOwner, "wheel" | "timeouts">;
  readonly #wire: Wire;
  readonly #inFlight: InFlight;
  readonly #writer: RequestWriter;
  readonly #reader: AnswerReader;
  readonly #onTimeUp: () => void;
  readonly #deadline: Deadline;
  /** In place of the deadline, while the endpoint may be slow to take what it is sent. */
  #watch: ProgressWatch | null = null;
  /** Why it is over when the time is up; null = it was idle for long enough. */
  #code: ReasonCode | null = null;
  /** How long this answer may pause; -1 = not known yet. */
  #idleMs = -1;

  constructor({ owner, wire, inFlight, writer, reader, onTimeUp }: EndpointWaitsParts) {
    this.#owner = owner;
    this.#wire = wire;
    this.#inFlight = inFlight;
    this.#writer = writer;
    this.#reader = reader;
    this.#onTimeUp = () => onTimeUp(this.#code);
    this.#deadline = new Deadline(this.#onTimeUp);
  }

  /** For the next request. */
  awaitUse(delayMs: number): void {
    this.#arm(null, delayMs);
  }

  /** After progress in either direction: the wait that fits `state`, one of `EndpointState`, starts anew. */
  again(state: number): void {
    if (this.isPaused) return;
    switch (state) {
      case State.head:
        // While the client has not sent its whole body, the endpoint owes no answer: no deadline runs.
        if (this.#writer.isComplete || this.#wire.output.isBlocked) this.awaitHead();
        else this.stop();
        return;
      case State.body:
      case State.untilClose:
        this.#awaitBody();
        return;
      case State.tunnel:
        this.#awaitTunnel();
    }
  }

  /** For the head of an answer, now that its request is written. */
  awaitHead(): void {
    const { interim } = this;
    const { firstByte } = this.#timeouts;
    const delayMs = interim.hasSeen
      ? interim.waitMs(firstByte, this.#owner.wheel.clock.now(), this.#writer.bodyBytes)
      : firstByte;
    this.#arm("UPSTREAM_FIRST_BYTE_TIMEOUT", delayMs);
  }

  /** The head of an answer has come. */
  beginBody(): void {
    this.interim.isHeld = false;
    this.#idleMs = -1;
  }

  #awaitBody(): void {
    // Found out when an answer does not come at once.
    if (this.#idleMs === -1) {
      const { idle } = this.#timeouts;
      this.#idleMs = idle > 0 && isStreaming(this.#reader.head!) ? Math.max(idle, this.#owner.timeouts.longIdle) : idle;
    }
    this.awaitBytes(this.#idleMs);
  }

  /** A tunnel may rest for long; once one side has ended, the other one may pause no longer than in an answer. */
  #awaitTunnel(): void {
    const { idle } = this.#timeouts;
    const isHalf = this.hasEndpointEnded || this.#writer.hasEnded;
    this.awaitBytes(isHalf && idle > 0 ? idle : this.#owner.timeouts.longIdle);
  }

  /** Those of the attempt being answered. */
  get #timeouts(): AttemptTimeouts {
    return this.#inFlight.first?.timeouts ?? this.#owner.timeouts;
  }

  /** For any byte, in either direction. */
  awaitBytes(delayMs: number): void {
    this.#arm("UPSTREAM_IDLE_TIMEOUT", delayMs);
  }

  /** Reads no more until `resume`, and waits for nothing. */
  pause(): void {
    this.interim.isHeld = false;
    this.isPaused = true;
    this.stop();
    this.#wire.pause();
    this.#wire.keepMemory();
  }

  /** Reads on if it was paused; `state` as in `again`. */
  resume(state: number): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.again(state);
    this.#wire.resume();
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
