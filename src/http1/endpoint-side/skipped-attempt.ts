/** An attempt that was given up while its connection goes on: its answer is read and thrown away. */
import type { Attempt } from "../../http/attempt.ts";
import type { BodySink } from "../../http/body.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";

/**
 * An answer that was given up is read to its end if it is no larger than this, so that attempts behind it get theirs.
 */
export const maxSkippedBytes = 262_144;

/** Stands in the place of an attempt that was given up. */
export class SkippedAttempt implements Attempt, BodySink {
  handle = null;
  readonly request: OutgoingRequest;
  readonly wish = "any";
  readonly bound = null;
  readonly client = null;
  readonly timeouts = null;
  #byteCount = 0;

  /** @param request that of the attempt */
  constructor(request: OutgoingRequest) {
    this.request = request;
  }

  /** It has become too large to go on with. */
  get isTooLarge(): boolean {
    return this.#byteCount > maxSkippedBytes;
  }

  onSent(): void {}
  onBodyWritable(): void {}
  onInterim(): boolean {
    return true;
  }
  onAnswer(): BodySink {
    return this;
  }
  onFailure(): void {}
  keepConnection(): boolean {
    return false;
  }

  data(chunk: Buffer): void {
    this.#byteCount += chunk.length;
  }
  flush(): boolean {
    return true;
  }
  end(): boolean {
    return true;
  }
  abort(): void {}
}
