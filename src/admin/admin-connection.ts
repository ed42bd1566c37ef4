/**
 * One connection of the admin listener. Its requests are answered one after the other: `node:http` reports all
 * pipelined requests at once, and an answer may be megabytes of metrics. A client that stops taking an answer is given
 * up, as the proxy does it (docs/decisions/0023).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { PlainProgress } from "../net/plain-socket.ts";
import { ProgressWatch } from "../net/progress-watch.ts";

/**
 * What a connection is doing: it waits for a request; it reads the body of one; the proxy makes the answer; the answer
 * is being sent.
 */
export type AdminPhase = "waiting" | "reading" | "making" | "sending";

/** What a connection needs from its owner. */
export interface AdminConnectionHost {
  readonly wheel: TimerWheel;
  /** Answers a request; calls `noteMaking` and `noteSending` on the way. Must not throw. */
  serve(connection: AdminConnection, request: IncomingMessage, response: ServerResponse): void;
  /** Called before and after the connection's phase changes. */
  onPhaseEnd(connection: AdminConnection): void;
  onPhaseBegin(connection: AdminConnection): void;
}

/** Requests that may wait behind the one that is being answered; a client that pipelines more is closed. */
const maxQueuedRequests = 16;
/** A client that takes nothing of an answer for this time is given up. */
const writeTimeoutMs = 10_000;

/** Answers the requests of one connection one after the other, and gives up a client that takes no answer. */
export class AdminConnection {
  readonly socket: Socket;
  phase: AdminPhase = "waiting";
  /** Length of the answer that is being sent; 0 = none is. */
  sendingBytes = 0;
  readonly #host: AdminConnectionHost;
  readonly #queue: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  #watch: ProgressWatch | null = null;

  constructor(socket: Socket, host: AdminConnectionHost) {
    this.socket = socket;
    this.#host = host;
  }

  /** Answers `request` now, or when the requests before it have been answered. */
  take(request: IncomingMessage, response: ServerResponse): void {
    // Node.js reports what it has read, although the connection is closed meanwhile.
    if (this.socket.destroyed) return;
    if (this.phase === "waiting") this.#start(request, response);
    else if (this.#queue.length < maxQueuedRequests) this.#queue.push({ request, response });
    else this.giveUp();
  }

  /** The request has been read, and the proxy makes the answer: the client is not waited for. */
  noteMaking(): void {
    if (!this.socket.destroyed) this.#enter("making");
  }

  /** An answer of `byteCount` bytes has been written: from now on the client has to take it. */
  noteSending(byteCount: number): void {
    if (this.socket.destroyed) return;
    this.sendingBytes = byteCount;
    this.#enter("sending");
    this.#watch ??= new ProgressWatch({
      socket: new PlainProgress(this.socket),
      wheel: this.#host.wheel,
      onStalled: () => this.giveUp(),
    });
    this.#watch.await(writeTimeoutMs, "taking");
  }

  /** Closes the connection at once; what the client has not taken of an answer is thrown away. */
  giveUp(): void {
    // A FIN would have the kernel keep the rest of the answer for a client that does not read.
    if (this.phase === "sending" && this.socket.remoteAddress !== undefined) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** The connection is gone. */
  remove(): void {
    this.#host.onPhaseEnd(this);
    this.#queue.length = 0;
    this.#watch?.remove();
  }

  #start(request: IncomingMessage, response: ServerResponse): void {
    this.#enter("reading");
    response.once("close", this.#onAnswered);
    this.#host.serve(this, request, response);
  }

  readonly #onAnswered = (): void => {
    if (this.socket.destroyed) return;
    this.#watch?.stop();
    const next = this.socket.writable ? this.#queue.shift() : undefined;
    if (next === undefined) this.#enter("waiting");
    else this.#start(next.request, next.response);
  };

  #enter(phase: AdminPhase): void {
    this.#host.onPhaseEnd(this);
    if (phase !== "sending") this.sendingBytes = 0;
    this.phase = phase;
    this.#host.onPhaseBegin(this);
  }
}
