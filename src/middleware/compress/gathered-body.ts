/**
 * The start of a body that is to be compressed, held back until it is known how: a body that comes whole and is short
 * is encoded in one call and gets a Content-Length; a longer one, or one that comes slowly, is streamed; one that turns
 * out to be too short goes on as it is. No body is held back for long: one of unknown length goes on as soon as the
 * endpoint pauses, another one after a moment.
 */
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import type { BodyLength, BodySink } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { InputBlocks } from "../recode/input-blocks.ts";

/** What becomes of the body: one of the first two is called, once. */
export interface BodyPlan {
  /** It has come whole. @returns what `BodySink.end` returns */
  sendWhole(body: Buffer, trailers: Fields | null): boolean;
  /** It is longer, or it pauses. @returns what takes all of it */
  stream(): BodySink;
  /** Takes exceptions that are bugs of ours. */
  onInternalError(error: unknown): void;
}

/** How long the endpoint may pause within a short body whose length it has said. */
const pauseMs = 100;

/** Takes a body and hands it to what is decided for it. */
export class GatheredBody implements BodySink {
  readonly #plan: BodyPlan;
  readonly #wheel: TimerWheel;
  readonly #maxBytes: number;
  readonly #length: BodyLength;
  readonly #gathered = new InputBlocks();
  /** What is decided; null = nothing yet. */
  #sink: BodySink | null = null;
  #isOver = false;
  #deadline: Deadline | null = null;

  /** @param maxBytes so much is gathered */
  constructor(
    plan: BodyPlan,
    { wheel, maxBytes, length }: { wheel: TimerWheel; maxBytes: number; length: BodyLength },
  ) {
    this.#plan = plan;
    this.#wheel = wheel;
    this.#maxBytes = maxBytes;
    this.#length = length;
  }

  data(chunk: Buffer): void {
    if (this.#sink !== null) return this.#sink.data(chunk);
    if (this.#isOver) return;
    if (this.#gathered.byteLength + chunk.length > this.#maxBytes) this.#stream().data(chunk);
    else this.#gathered.append(chunk);
  }

  flush(): boolean {
    if (this.#sink !== null) return this.#sink.flush();
    if (this.#isOver) return true;
    if (this.#length === "unknown") return this.#stream().flush();
    if (this.#deadline === null) {
      this.#deadline = new Deadline(this.#onPause);
      this.#wheel.arm(this.#deadline, pauseMs);
    }
    return true;
  }

  end(trailers: Fields | null): boolean {
    if (this.#sink !== null) return this.#sink.end(trailers);
    if (this.#isOver) return true;
    this.#stopWaiting();
    this.#isOver = true;
    return this.#plan.sendWhole(this.#gathered.takeAll(), trailers);
  }

  abort(code: ReasonCode): void {
    if (this.#sink !== null) return this.#sink.abort(code);
    this.#stopWaiting();
    this.#isOver = true;
    this.#gathered.clear();
  }

  readonly #onPause = (): void => {
    if (this.#sink !== null || this.#isOver) return;
    try {
      this.#stream().flush();
    } catch (error) {
      this.#plan.onInternalError(error);
    }
  };

  /** Decides for streaming, and hands on what is gathered. */
  #stream(): BodySink {
    this.#stopWaiting();
    const sink = this.#plan.stream();
    this.#sink = sink;
    for (let bytes = this.#gathered.shift(); bytes !== null; bytes = this.#gathered.shift()) sink.data(bytes);
    return sink;
  }

  #stopWaiting(): void {
    if (this.#deadline !== null) this.#wheel.remove(this.#deadline);
    this.#deadline = null;
  }
}
