/**
 * Gives a body to a sink at the sink's pace, in pieces of up to 64 KiB: what is in the store, and what a draft of any
 * thread adds meanwhile. While it reads, the entry is pinned.
 */
import type { BodySink, BodySource } from "../../http/body.ts";
import { BodyRun } from "./body-run.ts";
import { pieceBytes } from "./copy-buffer.ts";
import { entryState, entryWord } from "./entry-table.ts";
import type { MemoryWindow, WindowReader } from "./memory-window.ts";

/** A draft of this thread, as those who read it here see it. */
export interface LocalDraft {
  readonly writtenBytes: number;
  readonly progress: "growing" | "complete" | "broken";
  /** Who reads it here; told whenever something has changed. */
  readonly readers: Set<BodyReader>;
  /** Bytes from here on are not in the store. */
  readonly storedBytes: number;
  /** Copies bytes that are not in the store; as many as there are in one piece. */
  copyUnstored(at: number, target: Buffer): number;
  /** A reader has gone on, or away. */
  onReader(): void;
}

/** What is read. */
export interface ReadParts {
  /** Pinned for this reader. */
  readonly entry: number;
  readonly draft: LocalDraft | null;
  readonly start: number;
  readonly end: number;
}

const open = 0;
const paused = 1;
const over = 2;

/** One reader of one body. */
export class BodyReader implements BodySource, WindowReader {
  readonly #window: MemoryWindow;
  readonly #entry: number;
  readonly #draft: LocalDraft | null;
  readonly #run: BodyRun;
  readonly #end: number;
  readonly #sink: BodySink;
  #at: number;
  #state = open;
  #isGiving = false;

  constructor(window: MemoryWindow, { entry, draft, start, end }: ReadParts, sink: BodySink) {
    this.#window = window;
    this.#entry = entry;
    this.#draft = draft;
    this.#run = new BodyRun(window.stored.blocks, window.stored.entries, entry);
    this.#end = end;
    this.#sink = sink;
    this.#at = start;
    window.reading.add(this);
    draft?.readers.add(this);
  }

  /** The first byte that it has not given yet. */
  get at(): number {
    return this.#at;
  }

  /** Gives what there is. */
  give(): void {
    if (this.#isGiving) return;
    this.#isGiving = true;
    while (this.#state === open && this.#giveSome());
    this.#isGiving = false;
  }

  resume(): void {
    if (this.#state !== paused) return;
    this.#state = open;
    this.give();
  }

  stop(): void {
    this.#finish();
  }

  /** The body cannot be given any further. */
  breakOff(): void {
    if (this.#finish()) this.#sink.abort("UPSTREAM_TRUNCATED");
  }

  /** @returns whether there may be more to give now */
  #giveSome(): boolean {
    // The state is looked at before the bytes: what is complete has all of them.
    const progress = this.#progress();
    const have = this.#have();
    const end = Math.min(have, this.#end);
    const isLast = progress === "complete" || this.#end <= have;
    if (this.#at < end) {
      this.#givePiece(Math.min(end - this.#at, pieceBytes), isLast && end - this.#at <= pieceBytes);
      return true;
    }
    if (isLast) {
      if (this.#finish()) this.#sink.end(null);
      return false;
    }
    if (progress === "broken") {
      this.breakOff();
      return false;
    }
    return this.#draft === null && this.#wait(have);
  }

  #givePiece(most: number, isEnd: boolean): void {
    const { copies } = this.#window;
    const piece = copies.take(most);
    const length = this.#copy(piece);
    if (length === 0) {
      copies.give(piece);
      this.breakOff();
      return;
    }
    this.#at += length;
    const isLast = isEnd && length === most;
    if (isLast) this.#finish();
    else this.#draft?.onReader();
    this.#sink.data(length === piece.length ? piece : piece.subarray(0, length));
    if (isLast) {
      if (this.#sink.end(null)) copies.give(piece);
      else copies.keep(piece);
    } else if (this.#state === over) copies.keep(piece);
    else if (this.#sink.flush()) copies.give(piece);
    else {
      copies.keep(piece);
      if (this.#state === open) this.#state = paused;
    }
  }

  /** @returns how many bytes of `piece` were filled */
  #copy(piece: Buffer): number {
    const draft = this.#draft;
    if (draft !== null && this.#at + piece.length > draft.storedBytes) {
      if (this.#at >= draft.storedBytes) return draft.copyUnstored(this.#at, piece);
      const length = draft.storedBytes - this.#at;
      return this.#run.copy(this.#at, length, piece) ? length : 0;
    }
    return this.#run.copy(this.#at, piece.length, piece) ? piece.length : 0;
  }

  #progress(): LocalDraft["progress"] {
    if (this.#draft !== null) return this.#draft.progress;
    const state = this.#window.stored.entries.state(this.#entry);
    if (state === entryState.draft) return "growing";
    return state === entryState.broken ? "broken" : "complete";
  }

  #have(): number {
    if (this.#draft !== null) return this.#draft.writtenBytes;
    const { words, stride } = this.#window.stored.entries;
    return Atomics.load(words, this.#entry * stride + entryWord.bodyBytes);
  }

  /** Asks the writer, in another thread, to ring. @returns whether something has happened meanwhile */
  #wait(have: number): boolean {
    const { words, stride } = this.#window.stored.entries;
    this.#window.waiting.add(this);
    Atomics.or(words, this.#entry * stride + entryWord.waiting, this.#window.bells.ownMask);
    if (this.#progress() === "growing" && this.#have() === have) return false;
    this.#window.waiting.delete(this);
    return true;
  }

  /** Lets the entry go. @returns false if that was done before */
  #finish(): boolean {
    if (this.#state === over) return false;
    this.#state = over;
    const window = this.#window;
    window.waiting.delete(this);
    window.reading.delete(this);
    window.letGo(this.#entry);
    if (this.#draft !== null) {
      this.#draft.readers.delete(this);
      this.#draft.onReader();
    }
    return true;
  }
}
