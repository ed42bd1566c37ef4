/** A request body on its way to an endpoint, kept as long as it is small so that another attempt can send it again. */
import type { HeldMemory } from "../base/held-memory.ts";
import { type BodySink, type BodySource, emptySource, type RequestBody } from "../http/body.ts";
import type { Fields } from "../http/field-section.ts";
import type { ReasonCode } from "../http/reason.ts";

/** Bytes that are kept for another attempt. */
const maxKeptBytes = 65_536;
const firstKeptBytes = 4_096;

/** Stands between a request's body and the attempts: a sink for the body, a source for the attempt. */
export class ReplayBody implements BodySink, BodySource {
  readonly #body: RequestBody;
  /** Null = keep nothing. */
  readonly #held: HeldMemory | null;
  #source: BodySource = emptySource;
  #target: BodySink | null = null;
  #isStarted = false;
  #isEnded = false;
  #isDropped = false;
  /** Why it has broken off; null = it has not. */
  #aborted: ReasonCode | null = null;
  /** The body from its first byte; `#keptBytes` of it are used. */
  #kept: Buffer | null = null;
  #keptBytes = 0;
  #trailers: Fields | null = null;

  /**
   * @param held where bytes that are kept for a replay are counted; null if the request is never sent twice once its
   * body has begun
   */
  constructor(body: RequestBody, held: HeldMemory | null) {
    this.#body = body;
    this.#held = held;
  }

  /** Another attempt could be given the body from its first byte. */
  get isReplayable(): boolean {
    return !this.#isStarted || this.#body.isRepeatable || (this.#held !== null && !this.#isDropped);
  }

  /** The body is complete and was passed on whole. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends the body to `target` from its first byte, and goes on with what arrives. */
  attach(target: BodySink): void {
    if (this.#aborted !== null) return target.abort(this.#aborted);
    this.#target = target;
    if (!this.#isStarted || this.#body.isRepeatable) {
      this.#isStarted = true;
      this.#isEnded = false;
      this.#source = this.#body.open(this);
      return;
    }
    // A copy: the bytes belong to the target, which may still be writing them when the next attempt is given them.
    if (this.#keptBytes > 0) target.data(Buffer.from(this.#kept!.subarray(0, this.#keptBytes)));
    if (this.#keptBytes > maxKeptBytes) this.#drop();
    if (this.#isEnded) target.end(this.#trailers);
    else if (target.flush()) this.#source.resume();
  }

  /** The attempt is over: what arrives waits for the next one. */
  detach(): void {
    this.#target = null;
  }

  /** The exchange is over: nothing is kept any more. */
  release(): void {
    this.#drop();
  }

  resume(): void {
    this.#source.resume();
  }

  stop(code: ReasonCode): void {
    this.#target = null;
    this.#source.stop(code);
  }

  data(chunk: Buffer): void {
    this.#keep(chunk);
    this.#target?.data(chunk);
  }

  flush(): boolean {
    return this.#target !== null && this.#target.flush();
  }

  end(trailers: Fields | null): boolean {
    this.#isEnded = true;
    this.#trailers = trailers;
    return this.#target === null || this.#target.end(this.#trailers);
  }

  abort(code: ReasonCode): void {
    const target = this.#target;
    this.#target = null;
    this.#aborted = code;
    this.#drop();
    target?.abort(code);
  }

  /**
   * While there is no target a retry has been decided, so whatever comes is kept; it is one read at most, because
   * `flush` stops the source.
   */
  #keep(chunk: Buffer): void {
    if (this.#isDropped || this.#body.isRepeatable) return;
    const byteCount = this.#keptBytes + chunk.length;
    const isFitting = this.#held !== null && (byteCount <= maxKeptBytes || this.#target === null);
    if (isFitting && this.#grow(byteCount, this.#held)) this.#keptBytes += chunk.copy(this.#kept!, this.#keptBytes);
    else this.#drop();
  }

  /**
   * Makes room for `byteCount`. @returns false if all bodies together hold too much; but without a target, what was
   * read must not be lost
   */
  #grow(byteCount: number, held: HeldMemory): boolean {
    const before = this.#kept?.length ?? 0;
    if (before >= byteCount) return true;
    const size = Math.max(byteCount, 2 * this.#keptBytes, firstKeptBytes);
    if (!held.take(size - before)) {
      if (this.#target !== null) return false;
      held.takeAnyway(size - before);
    }
    const grown = Buffer.allocUnsafeSlow(size);
    this.#kept?.copy(grown, 0, 0, this.#keptBytes);
    this.#kept = grown;
    return true;
  }

  #drop(): void {
    this.#isDropped = true;
    if (this.#kept !== null) this.#held!.give(this.#kept.length);
    this.#kept = null;
    this.#keptBytes = 0;
  }
}
