/**
 * What comes after a draft has become too large to be stored: it is kept for a moment in the heap of this thread, for
 * those who have begun to read the draft here, until the slowest of them has it.
 */

/** More than this is not taken until readers have gone on. */
const maxBytes = 262_144;

/** The bytes of a body from one place on, while they pass. */
export class PassingTail {
  readonly #chunks: Buffer[] = [];
  /** Where the first chunk begins, and where the last ends, in the body. */
  #start: number;
  #end: number;

  constructor(start: number) {
    this.#start = start;
    this.#end = start;
  }

  get end(): number {
    return this.#end;
  }

  get isFull(): boolean {
    return this.#end - this.#start > maxBytes;
  }

  /** Enough was read that more may come, without a word for each chunk. */
  get hasRoom(): boolean {
    return this.#end - this.#start <= maxBytes / 2;
  }

  /** Adds a copy of `chunk`. */
  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    // A slice of the pool would hold on to the whole of it.
    const copy = Buffer.allocUnsafeSlow(chunk.length);
    chunk.copy(copy);
    this.#chunks.push(copy);
    this.#end += chunk.length;
  }

  /** Copies bytes from `at` on to the start of `target`. @returns how many; 0 also if they have gone already */
  copy(at: number, target: Buffer): number {
    if (at < this.#start) return 0;
    let from = this.#start;
    let done = 0;
    for (const chunk of this.#chunks) {
      if (at + done < from + chunk.length) done += chunk.copy(target, done, at + done - from);
      from += chunk.length;
      if (done === target.length) break;
    }
    return done;
  }

  /** Nobody needs what lies before `at` any more. */
  forgetBefore(at: number): void {
    let count = 0;
    while (count < this.#chunks.length && this.#start + this.#chunks[count]!.length <= at)
      this.#start += this.#chunks[count++]!.length;
    if (count > 0) this.#chunks.splice(0, count);
  }
}
