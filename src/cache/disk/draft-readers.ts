/** Who reads a draft in the thread that writes it, and how much of its body they keep in memory. */
import type { BodyTail } from "./body-tail.ts";
import type { DraftReader } from "./draft-reader.ts";

/** A reader that is further behind reads what is on the disk already. */
const readWindowBytes = 262_144;

/** All readers of one draft. */
export class DraftReaders {
  readonly #readers = new Set<DraftReader>();

  get isEmpty(): boolean {
    return this.#readers.size === 0;
  }

  add(reader: DraftReader): void {
    this.#readers.add(reader);
  }

  delete(reader: DraftReader): void {
    this.#readers.delete(reader);
  }

  /** There is more, or it has ended. */
  pump(): void {
    for (const reader of this.#readers) reader.pump();
  }

  /** It breaks off for all of them. */
  cut(): void {
    for (const reader of this.#readers) reader.cut();
  }

  /** How far the slowest of those who read from memory is behind. */
  backlog(tail: BodyTail): number {
    return tail.appended - this.keepFrom(tail, "all");
  }

  /**
   * The first byte of the body that has to stay in memory for them.
   * @param whom "near" = the rest is in the file for those who are far behind
   */
  keepFrom(tail: BodyTail, whom: "near" | "all"): number {
    let from = tail.appended;
    for (const { place } of this.#readers)
      if (place >= tail.start && (whom === "all" || tail.appended - place <= readWindowBytes))
        from = Math.min(from, place);
    return from;
  }
}
