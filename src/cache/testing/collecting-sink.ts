/** A sink for tests: keeps what it gets, at the pace that a test wants, and checks the rules of `http/body.ts`. */
import assert from "node:assert/strict";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { StoredBody } from "../cache-store.ts";

/** Takes a body. */
export class CollectingSink implements BodySink {
  readonly chunks: Buffer[] = [];
  /** How it ended; null = not yet. */
  outcome: "end" | "abort" | null = null;
  source: BodySource | null = null;
  /** After so many chunks it wants no more until `resume`; Infinity = it takes all. */
  readonly #pace: number;
  #taken = 0;
  #isStopped = false;
  #isPaused = false;
  readonly #over = Promise.withResolvers<void>();
  #progress = Promise.withResolvers<void>();

  constructor(pace = Infinity) {
    this.#pace = pace;
  }

  data(chunk: Buffer): void {
    this.#check();
    assert.ok(!this.#isPaused, "data came before resume");
    assert.ok(chunk.length > 0, "an empty chunk");
    this.chunks.push(Buffer.from(chunk));
    this.#taken++;
    this.#moved();
  }

  flush(): boolean {
    this.#check();
    if (this.#taken % this.#pace !== 0) return true;
    this.#isPaused = true;
    return false;
  }

  end(): boolean {
    this.#check();
    this.outcome = "end";
    this.#over.resolve();
    this.#moved();
    return this.#pace === Infinity;
  }

  abort(): void {
    this.#check();
    this.outcome = "abort";
    this.#over.resolve();
    this.#moved();
  }

  #check(): void {
    assert.equal(this.outcome, null, "something came after the end");
    assert.ok(!this.#isStopped, "something came after stop");
  }

  #moved(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.source?.resume();
  }

  stop(): void {
    this.#isStopped = true;
    this.source?.stop("CLIENT_GONE");
  }

  /** Opens `body` for this sink. */
  read(body: StoredBody, start = 0, end = Infinity): this {
    this.source = body.open(start, end, this);
    return this;
  }

  /** Waits for the end, resuming whenever it has paused. @returns the whole body */
  async all(): Promise<Buffer> {
    while (this.outcome === null) {
      this.resume();
      // The source may have given the rest within `resume`.
      if (this.outcome === null && !this.#isPaused) await Promise.race([this.#over.promise, this.#progress.promise]);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    return this.body;
  }

  /** Waits until there are `byteCount` bytes or it is over. */
  async has(byteCount: number): Promise<Buffer> {
    while (this.body.length < byteCount && this.outcome === null) await this.#progress.promise;
    return this.body;
  }
}
