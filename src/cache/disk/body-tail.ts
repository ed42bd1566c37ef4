/**
 * The part of a draft's body that is in memory: what is not on the disk yet, and what readers of the same thread are
 * about to read. It is laid out as in the file, in pieces with room for a checksum, so that it is copied once.
 *
 * What has been given out is never changed: bytes are only added behind, and a piece that must grow is copied.
 */
import { checkBytes, type FileMark, pieceBytes, pieceChecksum, pieceOffset } from "./object-file.ts";

/** The first size of a piece of a body whose length nobody knows. */
const firstPieceBytes = 8_192;
/** How many pieces one write takes. */
const maxWritePieces = 8;

/** Something to be written. */
export interface TailWrite {
  readonly buffers: readonly Buffer[];
  readonly position: number;
  /** How far the body is in the file afterwards. */
  readonly writtenTo: number;
  /** It ends with the checksum of a last piece that is not full. */
  readonly hasLastCheck: boolean;
}

/** A body as it grows. */
export class BodyTail {
  readonly #mark: FileMark;
  readonly #slotBytes: number;
  /** Of the whole body; null = nobody knows. */
  readonly #expectedBytes: number | null;
  /** From the piece `#firstPiece` on. */
  #pieces: Buffer[] = [];
  #firstPiece = 0;
  /** All that came. */
  appended = 0;
  /** All that is in the file. */
  written = 0;
  #isFinished = false;
  #isLastChecked = false;

  constructor(mark: FileMark, slotBytes: number, expectedBytes: number | null) {
    this.#mark = mark;
    this.#slotBytes = slotBytes;
    this.#expectedBytes = expectedBytes;
  }

  /** The first byte that is still here. */
  get start(): number {
    return Math.min(this.appended, this.#firstPiece * pieceBytes);
  }

  /** How much of it is not in the file. */
  get unwritten(): number {
    return this.appended - this.written;
  }

  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const used = this.appended % pieceBytes;
      const copied = chunk.copy(this.#roomFor(used, chunk.length - at), used, at, at + pieceBytes - used);
      this.appended += copied;
      at += copied;
      if (this.appended % pieceBytes === 0) this.#check(this.appended / pieceBytes - 1, pieceBytes);
    }
  }

  /** Nothing more comes. */
  finish(): void {
    this.#isFinished = true;
    const rest = this.appended % pieceBytes;
    if (rest === 0) this.#isLastChecked = true;
    else this.#check((this.appended - rest) / pieceBytes, rest);
  }

  /** The bytes from `position` on that lie together; null if they are not here. */
  at(position: number): Buffer | null {
    const piece = Math.floor(position / pieceBytes);
    const bytes = this.#pieces[piece - this.#firstPiece];
    if (bytes === undefined || position >= this.appended) return null;
    return bytes.subarray(position % pieceBytes, Math.min(pieceBytes, this.appended - piece * pieceBytes));
  }

  /**
   * What is to be written next: whole pieces, and the rest if nothing more comes.
   * @param mode "early" = also a part of a piece, because somebody reads the file meanwhile
   */
  next(mode: "whole" | "early"): TailWrite | null {
    const { written, appended } = this;
    const first = Math.floor(written / pieceBytes);
    const offset = written % pieceBytes;
    const buffers: Buffer[] = [];
    let writtenTo = written;
    let hasLastCheck = false;
    for (let piece = first; buffers.length < maxWritePieces; piece++) {
      const filled = Math.min(pieceBytes, appended - piece * pieceBytes);
      const from = piece === first ? offset : 0;
      const isWhole = filled === pieceBytes;
      if (filled < 0 || (filled === 0 && from === 0)) break;
      const isLast = !isWhole && this.#isFinished;
      if (!isWhole && !isLast && (mode === "whole" || from === filled)) break;
      if (isLast && this.#isLastChecked) break;
      const bytes = this.#pieces[piece - this.#firstPiece]!;
      buffers.push(bytes.subarray(from, filled + (isWhole || isLast ? checkBytes : 0)));
      writtenTo = piece * pieceBytes + filled;
      hasLastCheck = isLast;
      if (!isWhole) break;
    }
    if (buffers.length === 0) return null;
    return { buffers, position: pieceOffset(this.#slotBytes, first) + offset, writtenTo, hasLastCheck };
  }

  /** A write is done. */
  wrote({ writtenTo, hasLastCheck }: TailWrite): void {
    this.written = writtenTo;
    if (hasLastCheck) this.#isLastChecked = true;
  }

  /** Everything is in the file, checksums included. */
  get isWritten(): boolean {
    return this.#isFinished && this.written === this.appended && this.#isLastChecked;
  }

  /** Lets go of the pieces before `position`. */
  drop(position: number): void {
    const count = Math.floor(position / pieceBytes) - this.#firstPiece;
    if (count <= 0) return;
    this.#pieces.splice(0, count);
    this.#firstPiece += count;
  }

  /** The piece that `used` bytes are in already, with room for some of `more`. */
  #roomFor(used: number, more: number): Buffer {
    const known = used === 0 ? undefined : this.#pieces.at(-1);
    const needed = Math.min(pieceBytes, used + more) + checkBytes;
    if (known !== undefined && known.length >= needed) return known;
    const expected = this.#expectedBytes === null ? firstPieceBytes : this.#expectedBytes - (this.appended - used);
    const wanted = Math.max(expected, 2 * (known?.length ?? 0)) + checkBytes;
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(wanted, pieceBytes + checkBytes)));
    if (known === undefined) this.#pieces.push(bytes);
    else {
      known.copy(bytes, 0, 0, used);
      this.#pieces[this.#pieces.length - 1] = bytes;
    }
    return bytes;
  }

  #check(piece: number, length: number): void {
    const bytes = this.#pieces[piece - this.#firstPiece]!;
    bytes.writeUInt32LE(pieceChecksum(this.#mark, piece, bytes.subarray(0, length)), length);
  }
}
