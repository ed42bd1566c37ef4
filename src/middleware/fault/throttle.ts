/**
 * Sends an answer's body no faster than so many bytes a second: stands before the client's side of an exchange, takes
 * what it is given, and says that it can take no more until all of that is out. Heads, trailers and tunnels' requests
 * pass as they are.
 */
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { AnswerLength, Exchange, ExchangeListener, Responder } from "../../http/exchange.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { onEnd } from "../pass-on.ts";

/** How often a piece goes out. */
const tickMs = 50;

export interface ThrottleParts {
  readonly bytesPerSecond: number;
  readonly scheduler: Scheduler;
  readonly onInternalError: (error: unknown) => void;
}

/** Slows the answer of `exchange` down, whoever gives it. */
export function throttle(exchange: Exchange, parts: ThrottleParts): void {
  exchange.responder = new ThrottledResponder(exchange, parts);
}

class ThrottledResponder implements Responder, ExchangeListener {
  readonly #exchange: Exchange;
  readonly #client: Responder;
  readonly #parts: ThrottleParts;
  /** Who gives the answer. */
  #answerer: ExchangeListener | null = null;
  #queue: Buffer[] = [];
  #allowance: number;
  #lastMs: number;
  #timer: ScheduledCall | null = null;
  #isClientBlocked = false;
  /** The answerer was told to wait. */
  #isAnswererWaiting = false;
  /** Set when the answer is given whole and not yet out. */
  #trailers: string | null = null;

  constructor(exchange: Exchange, parts: ThrottleParts) {
    this.#exchange = exchange;
    this.#client = exchange.responder;
    this.#parts = parts;
    this.#lastMs = parts.scheduler.clock.now();
    this.#allowance = this.#maxAllowance;
    onEnd(exchange, () => this.#stop());
  }

  // `Responder`.

  openTunnel(sink: BodySink): BodySource {
    return this.#client.openTunnel(sink);
  }

  sendInterim(status: number, reasonPhrase: string, fields: string): boolean {
    return this.#client.sendInterim(status, reasonPhrase, fields);
  }

  sendHead(
    status: number,
    reasonPhrase: string,
    fields: string,
    length: AnswerLength,
    lengthField: number | null,
  ): void {
    this.#listen();
    this.#client.sendHead(status, reasonPhrase, fields, length, lengthField);
  }

  sendSwitch(fields: string): void {
    this.#listen();
    this.#client.sendSwitch(fields);
  }

  sendData(chunk: Buffer): void {
    if (chunk.length > 0) this.#queue.push(chunk);
  }

  flush(): boolean {
    this.#send();
    this.#isAnswererWaiting = this.#queue.length > 0 || this.#isClientBlocked;
    return !this.#isAnswererWaiting;
  }

  sendEnd(trailers: string): boolean {
    if (this.#queue.length === 0) return this.#client.sendEnd(trailers);
    this.#trailers = trailers;
    this.#send();
    return false;
  }

  fail(code: ReasonCode, detail?: string, extraFields?: string): void {
    this.#stop();
    this.#client.fail(code, detail, extraFields);
  }

  // `ExchangeListener`.

  onWritable(): void {
    this.#isClientBlocked = false;
    this.#send();
    this.#wake();
  }

  onCancel(code: ReasonCode): void {
    this.#stop();
    this.#answerer?.onCancel(code);
  }

  /** From here on it is us who hear that the client can take more. */
  #listen(): void {
    if (this.#exchange.listener === this) return;
    this.#answerer = this.#exchange.listener;
    this.#exchange.listener = this;
  }

  get #maxAllowance(): number {
    return Math.max(1, (this.#parts.bytesPerSecond * tickMs) / 1_000);
  }

  /** Sends what may go now, and comes back for the rest. */
  #send(): void {
    const now = this.#parts.scheduler.clock.now();
    this.#allowance = Math.min(
      this.#maxAllowance,
      this.#allowance + ((now - this.#lastMs) * this.#parts.bytesPerSecond) / 1_000,
    );
    this.#lastMs = now;
    while (this.#queue.length > 0 && this.#allowance >= 1 && !this.#isClientBlocked) {
      const chunk = this.#queue[0]!;
      const size = Math.min(chunk.length, Math.floor(this.#allowance));
      this.#client.sendData(size === chunk.length ? chunk : chunk.subarray(0, size));
      if (size === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(size);
      this.#allowance -= size;
    }
    if (this.#queue.length === 0 && this.#trailers !== null) {
      const trailers = this.#trailers;
      this.#trailers = null;
      this.#client.sendEnd(trailers);
      return;
    }
    // What was held back beside the body goes out as well.
    if (!this.#client.flush()) this.#isClientBlocked = true;
    if (this.#queue.length > 0 && !this.#isClientBlocked)
      this.#timer ??= this.#parts.scheduler.after(Math.max(tickMs, 1_000 / this.#parts.bytesPerSecond), this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    try {
      this.#send();
      this.#wake();
    } catch (error) {
      this.#parts.onInternalError(error);
      this.fail("INTERNAL_ERROR");
    }
  };

  #wake(): void {
    if (!this.#isAnswererWaiting || this.#queue.length > 0 || this.#isClientBlocked || this.#trailers !== null) return;
    this.#isAnswererWaiting = false;
    this.#answerer?.onWritable();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#queue = [];
    this.#trailers = null;
  }
}
