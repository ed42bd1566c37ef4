/** The start of an answer's head that has not arrived whole, kept until enough is there to be worth another look. */
import { isWorthScanning } from "./field-scanner.ts";
import { JoinedBytes } from "../../net/joined-bytes.ts";
import { findSectionEnd } from "./lenient-section.ts";
import { ownCopy } from "../../net/own-bytes.ts";
import type { AnswerRules } from "./response-parser.ts";

/** Keeps the start of a head for one connection to an endpoint. */
export class PartialHead {
  #kept: Buffer | null = null;
  readonly #joined = new JoinedBytes();

  get isEmpty(): boolean {
    return this.#kept === null;
  }

  /** Keeps a copy of `bytes[at, end)`. */
  keep(bytes: Buffer, at: number, end: number): void {
    this.#kept = ownCopy(bytes.subarray(at, end));
  }

  clear(): void {
    this.#kept = null;
    this.#joined.clear();
  }

  /**
   * What was kept with `chunk` behind it. @returns null if there is nothing new in it that decides about the head;
   * then it is kept
   */
  join(chunk: Buffer, { headBytes, isLenient }: AnswerRules): Buffer | null {
    const before = this.#kept!.length;
    const joined = this.#joined.join(this.#kept!, chunk);
    // What may be repaired is looked at once: when its end is there.
    const hasNews = isLenient ? hasSectionEnd(joined, before) : isWorthScanning(joined, before);
    if (joined.length <= headBytes && !hasNews) {
      this.#kept = joined;
      return null;
    }
    this.clear();
    return joined;
  }
}

/** Does a section end in the bytes from `from` on? Its last line end may have begun before. */
const hasSectionEnd = (bytes: Buffer, from: number): boolean =>
  findSectionEnd(bytes, Math.max(0, from - 2), bytes.length) !== -1;
