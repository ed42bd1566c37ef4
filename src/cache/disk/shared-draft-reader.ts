/** Reads a draft that another thread writes: its file, as far as the table of drafts says that it is there. */
import { BodyReader } from "./body-reader.ts";
import type { DiskHost } from "./disk-host.ts";
import type { DiskTask } from "./disk-work.ts";
import { DraftState, type SharedDraft } from "./draft-table.ts";
import { type FileMark, pieceBytes, pieceOffset, readHeads } from "./object-file.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";

/** What a reader is made with. */
export interface SharedDraftParts {
  readonly host: DiskHost;
  readonly answer: StoredAnswer;
  readonly draft: SharedDraft;
  /** Where the file is when it is complete. */
  readonly objectPath: string;
  /** It is through with the draft. */
  readonly onEnd: (reader: SharedDraftReader) => void;
}

export class SharedDraftReader extends BodyReader implements DiskTask {
  readonly id: number;
  readonly key: string;
  readonly #parts: SharedDraftParts;
  #fd = -1;
  #read: Buffer | null = null;
  #isBusy = false;
  #isLeft = false;
  #triesObject = false;

  constructor(parts: SharedDraftParts) {
    super(parts.answer);
    this.id = parts.draft.id;
    this.key = parts.draft.key;
    this.#parts = parts;
    // At once: the file gets another name when it is complete.
    this.#run();
  }

  get mark(): FileMark {
    return { life: this.#parts.draft.life, draft: this.id };
  }

  get isGrowing(): boolean {
    return this.#parts.host.drafts.stateOf(this.id) === DraftState.growing;
  }

  protected more(): void {
    const { host } = this.#parts;
    while (this.canGive) {
      if (this.#read !== null) {
        const chunk = this.#read.subarray(0, Math.min(this.#read.length, this.end - this.position));
        this.#read = null;
        this.give(chunk);
        continue;
      }
      if (this.position >= this.end) {
        this.finish();
        return;
      }
      // The state is read first: a draft that is complete now has all its bytes in the file.
      const state = host.drafts.stateOf(this.id);
      if (state === DraftState.broken || state === DraftState.dead) {
        this.breakOff();
        return;
      }
      const written = host.drafts.writtenOf(this.id);
      if (this.position < written) {
        if (!this.#isBusy) this.#run();
        return;
      }
      if (state === DraftState.growing || this.position < host.drafts.bodyBytesOf(this.id)) return;
      this.finish();
      return;
    }
  }

  #run(): void {
    this.#isBusy = true;
    this.#parts.host.work.run(this);
  }

  start(): void {
    if (this.isOver) this.#ended();
    else if (this.#fd === -1) this.#open();
    else if (!this.canGive) this.#ended();
    else this.#readMore();
  }

  #open(): void {
    const { host, draft, objectPath } = this.#parts;
    const path = this.#triesObject ? objectPath : host.layout.draft(draft.life, draft.id);
    host.files.open(path, "r", (error, fd) => {
      if (error === null) this.#fd = fd;
      else if (error.code === "ENOENT" && !this.#triesObject) {
        this.#triesObject = true;
        this.#open();
        return;
      } else if (error.code !== "ENOENT") host.report("open", error);
      if (error === null && this.#triesObject) this.#checkObject();
      else this.#opened();
    });
  }

  /** Is what has the name of the answer still what was the draft? */
  #checkObject(): void {
    const { host, draft } = this.#parts;
    const head = Buffer.alloc(2 * draft.slotBytes);
    host.files.read(this.#fd, head, 0, (error, bytes) => {
      const found = error === null ? readHeads(head.subarray(0, bytes)) : null;
      if (found === null || typeof found === "number" || found.draft !== draft.id || found.life !== draft.life) {
        host.files.close(this.#fd);
        this.#fd = -1;
      }
      this.#opened();
    });
  }

  #opened(): void {
    const isOpen = this.#fd !== -1;
    this.#ended();
    if (isOpen) this.pump();
    else this.cut();
  }

  #readMore(): void {
    const { host, draft } = this.#parts;
    const piece = Math.floor(this.position / pieceBytes);
    const offset = this.position % pieceBytes;
    const length = Math.min(pieceBytes - offset, host.drafts.writtenOf(this.id) - this.position);
    const target = Buffer.allocUnsafeSlow(length);
    host.files.read(this.#fd, target, pieceOffset(draft.slotBytes, piece) + offset, (error, bytes) => {
      const isRead = error === null && bytes === length;
      if (isRead) this.#read = target;
      else host.report("read", error);
      this.#ended();
      if (isRead) this.pump();
      else this.breakOff();
    });
  }

  #ended(): void {
    this.#isBusy = false;
    this.#parts.host.work.ended();
    if (this.isOver) this.#leave();
  }

  protected letGo(): void {
    this.#read = null;
    if (!this.#isBusy) this.#leave();
  }

  #leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    if (this.#fd !== -1) this.#parts.host.files.close(this.#fd);
    this.#parts.onEnd(this);
  }
}
