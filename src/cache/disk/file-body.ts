/** A body that is read from its file piece by piece, at the pace of who takes it. A piece is checked before it is given. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { BodyReader } from "./body-reader.ts";
import type { DiskHost } from "./disk-host.ts";
import type { DiskTask } from "./disk-work.ts";
import { checkBytes, type FileMark, isWholePiece, pieceBytes, pieceOffset } from "./object-file.ts";
import type { FromFile } from "./small-body.ts";

/** What a body in a file is made with. */
export interface FileBodyParts {
  readonly host: DiskHost;
  readonly answer: StoredAnswer;
  readonly mark: FileMark;
  readonly fd: number;
  readonly slotBytes: number;
  readonly bodyBytes: number;
  /** The file is damaged: nobody should find it any more. */
  readonly onDamage: () => void;
  /** Nobody reads it any more. */
  readonly onEnd: (body: FileBody) => void;
}

export class FileBody extends BodyReader implements DiskTask, FromFile {
  readonly mark: FileMark;
  readonly #parts: FileBodyParts;
  /** What was read and checked. */
  #piece: Buffer | null = null;
  #pieceAt = -1;
  #isReading = false;

  constructor(parts: FileBodyParts) {
    super(parts.answer);
    this.mark = parts.mark;
    this.#parts = parts;
  }

  get isGrowing(): boolean {
    return false;
  }

  protected more(): void {
    const { bodyBytes, host } = this.#parts;
    this.end = Math.min(this.end, bodyBytes);
    while (this.canGive && this.position < this.end) {
      const wanted = Math.floor(this.position / pieceBytes);
      if (wanted !== this.#pieceAt || this.#piece === null) {
        if (this.#isReading) return;
        this.#isReading = true;
        host.work.run(this);
        return;
      }
      const start = wanted * pieceBytes;
      const piece = this.#piece;
      // Given for good, perhaps: the next piece has memory of its own.
      this.#piece = null;
      this.give(piece.subarray(this.position - start, Math.min(pieceBytes, this.end - start, piece.length)));
    }
    if (this.position >= this.end) this.finish();
  }

  start(): void {
    const { host, fd, slotBytes, bodyBytes } = this.#parts;
    if (this.isOver) {
      this.#isReading = false;
      this.#close();
      host.work.ended();
      return;
    }
    const piece = Math.floor(this.position / pieceBytes);
    const length = Math.min(pieceBytes, bodyBytes - piece * pieceBytes);
    const target = Buffer.allocUnsafeSlow(length + checkBytes);
    host.files.read(fd, target, pieceOffset(slotBytes, piece), (error, bytes) => {
      this.#isReading = false;
      host.work.ended();
      if (this.isOver) this.#close();
      else if (error !== null) {
        host.report("read", error);
        this.#parts.onDamage();
        this.breakOff();
      } else if (bytes < target.length || !isWholePiece(this.mark, piece, target)) {
        host.report("checksum", null);
        this.#parts.onDamage();
        this.breakOff();
      } else {
        this.#piece = target.subarray(0, length);
        this.#pieceAt = piece;
        this.pump();
      }
    });
  }

  protected letGo(): void {
    this.#piece = null;
    if (!this.#isReading) this.#close();
  }

  #close(): void {
    this.#parts.host.files.close(this.#parts.fd);
    this.#parts.onEnd(this);
  }
}
