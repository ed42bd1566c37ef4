/**
 * What was learnt of origins that fail: while one is away, not every request for a stored answer asks it again. Each
 * failure for a key doubles the pause until the next try, with some randomness, so that not all keys try at once.
 */
import type { KeyDigest } from "./fill-key.ts";
import type { FillMarks } from "./fill-marks.ts";

const firstPauseMs = 500;
const maxPauseMs = 30_000;
/** A failure counts as the next in a row until so long after the pause. */
const lingerMs = 60_000;
const maxCount = 16;

/** The pauses of all keys, shared by all threads. */
export class OriginPauses {
  readonly #marks: FillMarks;
  readonly #digest: KeyDigest;
  readonly #random: () => number;
  readonly #digested = new Int32Array(4);

  constructor(marks: FillMarks, digest: KeyDigest, random: () => number = Math.random) {
    this.#marks = marks;
    this.#digest = digest;
    this.#random = random;
  }

  /** The origin was not asked for so long that it is worth a try. */
  mayAsk(key: string): boolean {
    this.#digest.digest(key, this.#digested);
    return !this.#marks.has(this.#digested);
  }

  noteFailure(key: string): void {
    this.#digest.digest(key, this.#digested);
    const count = Math.min(this.#marks.countOf(this.#digested, lingerMs) + 1, maxCount);
    const pauseMs = Math.min(firstPauseMs * 2 ** (count - 1), maxPauseMs);
    this.#marks.set(this.#digested, pauseMs * (0.5 + this.#random() / 2), count);
  }

  noteSuccess(key: string): void {
    this.#digest.digest(key, this.#digested);
    this.#marks.clear(this.#digested);
  }
}
