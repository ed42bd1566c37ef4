/**
 * The batches of lines that wait for a destination, oldest first, and how much of the first has been written. Knows
 * lines and bounds, nothing of descriptors.
 */

import { returnBlock } from "./line-block.ts";

/** How many lines of one log were lost; the account is given with each line. */
export interface LogAccount {
  lost: number;
}

interface Batch {
  /** Complete lines, as text or as bytes. */
  readonly pieces: (string | Buffer)[];
  /** Of the pieces, in characters or bytes. */
  length: number;
  lineCount: number;
  readonly account: LogAccount;
  readonly atMs: number;
}

/** Batches are joined up to this size. */
const maxBatchLength = 128 * 1024;
const lineFeed = 0x0a;

/** Keeps batches of lines in order, within a bound of characters and bytes; lines beyond it are lost and counted. */
export class LogQueue {
  readonly #maxLength: number;
  readonly #batches: Batch[] = [];
  #length = 0;
  /** The first batch as it is being written. */
  #bytes: Buffer | null = null;
  /** How much of it has been. */
  offset = 0;
  /** How many batches, counted from the first, were there when `mark` was called. */
  marked = 0;

  /** @param maxLength characters and bytes that may wait */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** A part of a batch has been written. */
  get isInTheMiddle(): boolean {
    return this.#bytes !== null && this.offset > 0;
  }

  /** Takes complete lines, or loses them if there is no room. Bytes are its own from then on. */
  add(lines: string | Buffer, lineCount: number, account: LogAccount): void {
    if (this.#length + lines.length > this.#maxLength) {
      account.lost += lineCount;
      return;
    }
    const count = this.#batches.length;
    const last = this.#batches.at(-1);
    const isLastOpen = count > (this.#bytes === null ? 0 : 1) && count > this.marked;
    if (last !== undefined && isLastOpen && last.account === account && last.length + lines.length <= maxBatchLength) {
      last.pieces.push(lines);
      last.length += lines.length;
      last.lineCount += lineCount;
    } else this.#batches.push({ pieces: [lines], length: lines.length, lineCount, account, atMs: performance.now() });
    this.#length += lines.length;
  }

  /** Remembers which batches there are: see `marked`. */
  mark(): void {
    this.marked = this.#batches.length;
  }

  /** The bytes of the first batch; those before `offset` have been written. There must be one. */
  take(): Buffer {
    if (this.#bytes === null) {
      this.#bytes = join(this.#batches[0]!.pieces);
      this.offset = 0;
    }
    return this.#bytes;
  }

  /** The first batch has been written. */
  finish(): void {
    this.#bytes = null;
    for (const piece of this.#remove().pieces) if (typeof piece !== "string") returnBlock(piece);
  }

  /** Loses what has not been written of the first batch; there must be one. */
  loseFirst(): void {
    const batch = this.#batches[0]!;
    batch.account.lost += batch.lineCount - (this.#bytes === null ? 0 : countLines(this.#bytes, this.offset));
    // Its bytes may still be with a write that hangs.
    this.#bytes = null;
    this.#remove();
  }

  /** Loses the batches that came by then. The rest of a line that is half written stays, unless everything is lost. */
  loseUntil(atMs: number): void {
    while (this.#batches.length > 0 && this.#batches[0]!.atMs <= atMs) {
      const rest = this.#restOfLine();
      this.#bytes = null;
      const batch = this.#remove();
      batch.account.lost += batch.lineCount;
      if (rest === null || atMs === Infinity) continue;
      // It counts as lost only if its end is lost, too.
      batch.account.lost--;
      this.#batches.unshift({
        pieces: [rest],
        length: rest.length,
        lineCount: 1,
        account: batch.account,
        atMs: Infinity,
      });
      this.#length += rest.length;
      this.#loseBehindFirst(atMs);
      return;
    }
  }

  /** Loses the rest of a line that is half written: its beginning is elsewhere. */
  dropHalfLine(): void {
    if (!this.isInTheMiddle) return;
    const bytes = this.#bytes!;
    if (bytes[this.offset - 1] === lineFeed) return;
    this.#batches[0]!.account.lost++;
    this.offset = bytes.indexOf(lineFeed, this.offset) + 1;
    if (this.offset === bytes.length) {
      this.#bytes = null;
      this.#remove();
    }
  }

  #remove(): Batch {
    const batch = this.#batches.shift()!;
    this.#length -= batch.length;
    if (this.marked > 0) this.marked--;
    return batch;
  }

  #loseBehindFirst(atMs: number): void {
    while (this.#batches.length > 1 && this.#batches[1]!.atMs <= atMs) {
      const [batch] = this.#batches.splice(1, 1) as [Batch];
      this.#length -= batch.length;
      batch.account.lost += batch.lineCount;
    }
  }

  /**
   * What is missing of the line that is half written, or null. Lines before it in the batch have been written, and are
   * no longer counted in it.
   */
  #restOfLine(): string | null {
    if (!this.isInTheMiddle) return null;
    const bytes = this.#bytes!;
    this.#batches[0]!.lineCount -= countLines(bytes, this.offset);
    return bytes[this.offset - 1] === lineFeed
      ? null
      : bytes.toString("utf8", this.offset, bytes.indexOf(lineFeed, this.offset) + 1);
  }
}

function join(pieces: readonly (string | Buffer)[]): Buffer {
  const [first] = pieces;
  if (pieces.length === 1 && typeof first !== "string") return first!;
  if (pieces.every((piece) => typeof piece === "string")) return Buffer.from(pieces.join(""), "utf8");
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "utf8") : piece)));
}

function countLines(bytes: Buffer, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at !== -1 && at < end; at = bytes.indexOf(lineFeed, at + 1)) count++;
  return count;
}
