/**
 * Reads a draft in the thread that writes it: from memory as far as that is there, else, if the reader has fallen
 * behind, from its file.
 */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { BodyReader } from "./body-reader.ts";
import type { BodyTail } from "./body-tail.ts";
import type { DiskHost } from "./disk-host.ts";
import type { DiskTask } from "./disk-work.ts";
import { type FileMark, pieceBytes, pieceOffset } from "./object-file.ts";

/** What readers see of a draft. */
export interface ReadDraft {
  readonly mark: FileMark;
  readonly host: DiskHost;
  readonly answer: StoredAnswer;
  readonly tail: BodyTail;
  /** null = more may come. */
  readonly ending: "complete" | "broken" | null;
  readonly slotBytes: number;
  readonly fd: number;
  /** `reader` has gone on, or has left. */
  readOn(reader: DraftReader): void;
}

export class DraftReader extends BodyReader implements DiskTask {
  readonly #draft: ReadDraft;
  /** Read from the file, at `position`. */
  #read: Buffer | null = null;
  #isReading = false;
  #hasLeft = false;

  constructor(draft: ReadDraft) {
    super(draft.answer);
    this.#draft = draft;
  }

  get isGrowing(): boolean {
    return this.#draft.ending === null;
  }

  get mark(): FileMark {
    return this.#draft.mark;
  }

  /** The next byte that it needs. */
  get place(): number {
    return this.position;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  protected more(): void {
    const { tail } = this.#draft;
    while (this.canGive) {
      const limit = Math.min(this.end, tail.appended);
      if (this.position >= limit) {
        if (this.position >= this.end || this.#draft.ending === "complete") this.finish();
        else if (this.#draft.ending === "broken") this.breakOff();
        return;
      }
      const chunk = this.#read ?? tail.at(this.position);
      this.#read = null;
      if (chunk === null) {
        if (this.#isReading) return;
        // It is not stored any more, and what was before this reader came is not kept.
        if (this.#draft.ending === "broken" || this.position >= tail.written) {
          this.breakOff();
          return;
        }
        this.#isReading = true;
        this.#draft.host.work.run(this);
        return;
      }
      this.give(chunk.length > limit - this.position ? chunk.subarray(0, limit - this.position) : chunk);
      this.#draft.readOn(this);
    }
  }

  start(): void {
    const { host, tail, slotBytes, fd } = this.#draft;
    if (this.isOver) {
      this.#ended();
      return;
    }
    const piece = Math.floor(this.position / pieceBytes);
    const offset = this.position % pieceBytes;
    const length = Math.min(pieceBytes - offset, tail.written - this.position);
    const target = Buffer.allocUnsafeSlow(length);
    host.files.read(fd, target, pieceOffset(slotBytes, piece) + offset, (error, bytes) => {
      if (!this.isOver && error === null && bytes === length) this.#read = target;
      this.#ended();
      if (error === null && bytes === length) this.pump();
      else {
        host.report("read", error);
        this.breakOff();
      }
    });
  }

  #ended(): void {
    this.#isReading = false;
    this.#draft.host.work.ended();
    if (this.isOver) this.#leave();
  }

  protected letGo(): void {
    this.#read = null;
    if (!this.#isReading) this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#draft.readOn(this);
  }
}
