/** A request body on its way to an endpoint, kept as long as it is small so that another attempt can send it again. */
import { HeldBytes } from "../base/held-bytes.ts";
import type { HeldMemory } from "../base/held-memory.ts";
import { type BodySink, type BodySource, emptySource, type RequestBody } from "../http/body.ts";
import type { Fields } from "../http/fields.ts";
import type { ReasonCode } from "../http/reason.ts";

/** What is kept for another attempt. */
const limits = { maxBytes: 65_536, firstBlockBytes: 4_096 };

/** Stands between a request's body and the attempts: a sink for the body, a source for the attempt. */
export class ReplayBody implements BodySink, BodySource {
  readonly #body: RequestBody;
  /** Null = keep nothing. */
  readonly #held: HeldMemory | null;
  #source: BodySource = emptySource;
  #target: BodySink | null = null;
  /** The target takes no more until `resume`. */
  #isTargetSlow = false;
  #isStarted = false;
  #isEnded = false;
  #isDropped = false;
  /** Why it has broken off; null = it has not. */
  #aborted: ReasonCode | null = null;
  /** The body from its first byte; null = nothing of it is kept. */
  #kept: HeldBytes | null = null;
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

  /** The attempt has taken all that has come from the client, and waits for the rest. */
  get isAwaited(): boolean {
    return this.#target !== null && !this.#isTargetSlow && !this.#isEnded && !this.#body.isRepeatable;
  }

  /** Sends the body to `target` from its first byte, and goes on with what arrives. */
  attach(target: BodySink): void {
    if (this.#aborted !== null) return target.abort(this.#aborted);
    this.#target = target;
    this.#isTargetSlow = false;
    if (!this.#isStarted || this.#body.isRepeatable) {
      this.#isStarted = true;
      this.#isEnded = false;
      this.#source = this.#body.open(this);
      return;
    }
    const kept = this.#kept;
    for (let index = 0; kept !== null && index < kept.pieceCount; index++) target.data(kept.pieceAt(index));
    if (kept !== null && kept.byteLength > limits.maxBytes) this.#drop();
    if (this.#isEnded) target.end(this.#trailers);
    else if (target.flush()) this.#source.resume();
    else this.#isTargetSlow = true;
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
    this.#isTargetSlow = false;
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
    if (this.#target === null) return false;
    const isReady = this.#target.flush();
    this.#isTargetSlow = !isReady;
    return isReady;
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
    if (this.#held === null) {
      this.#isDropped = true;
      return;
    }
    const kept = (this.#kept ??= new HeldBytes(this.#held, limits));
    if (this.#target === null) kept.appendAnyway(chunk);
    else if (kept.byteLength + chunk.length > limits.maxBytes || kept.append(chunk) < chunk.length) this.#drop();
  }

  #drop(): void {
    this.#isDropped = true;
    this.#kept?.clear();
    this.#kept = null;
  }
}
