/** What goes to the endpoint behind the head of a request: its body, then, in a tunnel, the client's bytes. */
import type { HeldMemory } from "../base/held-memory.ts";
import { type BodySink, type BodySource, emptySource } from "../http/body.ts";
import type { Exchange } from "../http/exchange.ts";
import { ReplayBody } from "./replay-body.ts";

/** Gives attempts the body of one exchange's request, or the bytes of its tunnel. */
export class Upload {
  readonly #exchange: Exchange;
  /** Null = it has none. */
  readonly #body: ReplayBody | null;
  /** Where the attempt under way takes it. */
  #sink: BodySink | null = null;
  #source: BodySource = emptySource;

  /** @param held where what is kept for another attempt is counted; null = nothing is kept */
  constructor(exchange: Exchange, held: HeldMemory | null) {
    this.#exchange = exchange;
    this.#body = exchange.body.length === 0 ? null : new ReplayBody(exchange.body, held);
  }

  /** Whoever takes the body has taken all that there is of it, and the client has not sent the rest yet. */
  get isClientSlow(): boolean {
    return this.#body !== null && this.#body.isAwaited;
  }

  /** Another attempt could be given all of it. */
  get isReplayable(): boolean {
    return this.#body === null || this.#body.isReplayable;
  }

  /** Gives the body to `sink` from its first byte, and goes on with what arrives. */
  begin(sink: BodySink): void {
    this.#sink = sink;
    if (this.#body === null) return;
    this.#source = this.#body;
    this.#body.attach(sink);
  }

  /** The endpoint has switched protocols: now the client's bytes go to it. */
  openTunnel(): void {
    this.#source = this.#exchange.openTunnel(this.#sink!);
  }

  resume(): void {
    this.#source.resume();
  }

  /** The attempt is over: what arrives waits for the next one. */
  detach(): void {
    this.#body?.detach();
  }

  /** The exchange is over. */
  release(): void {
    this.#body?.release();
  }
}
