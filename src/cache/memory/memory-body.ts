/** A body that was found in the memory store. A small one is copied and given at once. */
import { type BodySink, type BodySource, emptySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { StoredBody } from "../cache-store.ts";
import { BodyReader, type LocalDraft } from "./body-reader.ts";
import { pieceBytes } from "./copy-buffer.ts";
import { entryState, entryWord } from "./entry-table.ts";
import type { MemoryWindow } from "./memory-window.ts";

/** An entry that is pinned until it is read or released. */
export class MemoryBody implements StoredBody {
  readonly answer: StoredAnswer;
  readonly entry: number;
  readonly generation: number;
  readonly #window: MemoryWindow;
  readonly #draft: LocalDraft | null;
  #isHeld = true;

  /** @param draft if it is a draft of this thread */
  constructor(window: MemoryWindow, entry: number, answer: StoredAnswer, draft: LocalDraft | null) {
    this.answer = answer;
    this.entry = entry;
    this.generation = window.stored.entries.generation(entry);
    this.#window = window;
    this.#draft = draft;
  }

  get isGrowing(): boolean {
    if (this.#draft !== null) return this.#draft.progress === "growing";
    return this.#isHeld && this.#window.stored.entries.state(this.entry) === entryState.draft;
  }

  open(start: number, end: number, sink: BodySink): BodySource {
    const window = this.#window;
    if (!this.#isHeld || window.isClosed) {
      this.release();
      sink.abort("UPSTREAM_TRUNCATED");
      return emptySource;
    }
    this.#isHeld = false;
    const { entries, blocks } = window.stored;
    if (this.#draft === null && entries.state(this.entry) !== entryState.draft) {
      const at = this.entry * entries.stride;
      const length = Math.min(end, entries.words[at + entryWord.bodyBytes]!) - start;
      if (length > 0 && length <= pieceBytes && entries.state(this.entry) !== entryState.broken) {
        const piece = window.copies.take(length);
        const isRead = blocks.read(entries.words[at + entryWord.body]!, start, length, piece);
        window.letGo(this.entry);
        if (!isRead) sink.abort("INTERNAL_ERROR");
        else {
          sink.data(piece);
          if (sink.end(null)) window.copies.give(piece);
          else window.copies.keep(piece);
        }
        return emptySource;
      }
    }
    const reader = new BodyReader(window, { entry: this.entry, draft: this.#draft, start, end }, sink);
    reader.give();
    return reader;
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#window.letGo(this.entry);
  }
}
