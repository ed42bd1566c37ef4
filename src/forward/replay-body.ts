/** A request body on its way to an endpoint, kept as long as it is small so that another attempt can send it again. */
import type { BodySink, BodySource } from "../http/exchange.ts";

/** Bytes that are kept for another attempt. */
const maxKeptBytes = 65_536;

/** Stands between the client's connection and the attempts. */
export class ReplayBody implements BodySink {
  readonly #source: BodySource;
  readonly #isKeeping: boolean;
  #target: BodySink | null = null;
  #isStarted = false;
  #isEnded = false;
  #isDropped = false;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #trailers = "";

  /** @param isKeeping keep bytes for a replay; false where the request is never sent twice once its body has begun */
  constructor(source: BodySource, isKeeping: boolean) {
    this.#source = source;
    this.#isKeeping = isKeeping;
  }

  /** Another attempt could be given the body from its first byte. */
  get isReplayable(): boolean {
    return !this.#isStarted || (this.#isKeeping && !this.#isDropped);
  }

  /** The body is complete and was passed on whole. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends the body to `target` from its first byte, and goes on with what arrives. */
  attach(target: BodySink): void {
    this.#target = target;
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#source.startBody(this);
      return;
    }
    for (const chunk of this.#kept) target.onBodyData(chunk);
    if (this.#isEnded) target.onBodyEnd(this.#trailers);
    else if (target.onBodyFlush()) this.#source.resumeBody();
  }

  /** The attempt is over: what arrives waits for the next one. */
  detach(): void {
    this.#target = null;
  }

  onBodyData(chunk: Buffer): void {
    if (!this.#isDropped && this.#isKeeping) this.#keep(chunk);
    else this.#isDropped = true;
    this.#target?.onBodyData(chunk);
  }

  onBodyFlush(): boolean {
    return this.#target !== null && this.#target.onBodyFlush();
  }

  onBodyEnd(trailers: string): void {
    this.#isEnded = true;
    this.#trailers = trailers;
    this.#target?.onBodyEnd(trailers);
  }

  #keep(chunk: Buffer): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > maxKeptBytes) {
      this.#isDropped = true;
      this.#kept = [];
    } else this.#kept.push(chunk);
  }
}
