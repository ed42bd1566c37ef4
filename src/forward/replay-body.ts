/** A request body on its way to an endpoint, kept as long as it is small so that another attempt can send it again. */
import type { BodySink, BodySource } from "../http/exchange.ts";

/** Bytes that are kept for another attempt. */
const maxKeptBytes = 65_536;
const firstKeptBytes = 4_096;

/** Stands between the client's connection and the attempts. */
export class ReplayBody implements BodySink {
  readonly #source: BodySource;
  readonly #isKeeping: boolean;
  #target: BodySink | null = null;
  #isStarted = false;
  #isEnded = false;
  #isDropped = false;
  /** The body from its first byte; `#keptBytes` of it are used. */
  #kept: Buffer | null = null;
  #keptBytes = 0;
  #trailers = "";

  /** @param isKeeping keep bytes for a replay; false where the request is never sent twice once its body has begun */
  constructor(source: BodySource, isKeeping: boolean) {
    this.#source = source;
    this.#isKeeping = isKeeping;
  }

  /** Another attempt could be given the body from its first byte. */
  get isReplayable(): boolean {
    return !this.#isStarted || this.#source.isRepeatable === true || (this.#isKeeping && !this.#isDropped);
  }

  /** The body is complete and was passed on whole. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends the body to `target` from its first byte, and goes on with what arrives. */
  attach(target: BodySink): void {
    this.#target = target;
    if (!this.#isStarted || this.#source.isRepeatable === true) {
      this.#isStarted = true;
      this.#isEnded = false;
      this.#source.startBody(this);
      return;
    }
    // A copy: the bytes belong to the target, which may still be writing them when the next attempt is given them.
    if (this.#keptBytes > 0) target.onBodyData(Buffer.from(this.#kept!.subarray(0, this.#keptBytes)));
    if (this.#keptBytes > maxKeptBytes) this.#drop();
    if (this.#isEnded) target.onBodyEnd(this.#trailers);
    else if (target.onBodyFlush()) this.#source.resumeBody();
  }

  /** The attempt is over: what arrives waits for the next one. */
  detach(): void {
    this.#target = null;
  }

  onBodyData(chunk: Buffer): void {
    this.#keep(chunk);
    this.#target?.onBodyData(chunk);
  }

  onBodyFlush(): boolean {
    return this.#target !== null && this.#target.onBodyFlush();
  }

  onBodyEnd(trailers: string): boolean {
    this.#isEnded = true;
    this.#trailers = trailers;
    return this.#target === null || this.#target.onBodyEnd(trailers);
  }

  /** While there is no target a retry has been decided, so whatever comes is kept; it is one read at most, because `onBodyFlush` stops the source. */
  #keep(chunk: Buffer): void {
    if (this.#isDropped || this.#source.isRepeatable === true) return;
    const byteCount = this.#keptBytes + chunk.length;
    if (!this.#isKeeping || (byteCount > maxKeptBytes && this.#target !== null)) {
      this.#drop();
      return;
    }
    if (this.#kept === null || this.#kept.length < byteCount) {
      const grown = Buffer.allocUnsafeSlow(Math.max(byteCount, 2 * this.#keptBytes, firstKeptBytes));
      this.#kept?.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    this.#keptBytes += chunk.copy(this.#kept, this.#keptBytes);
  }

  #drop(): void {
    this.#isDropped = true;
    this.#kept = null;
    this.#keptBytes = 0;
  }
}
