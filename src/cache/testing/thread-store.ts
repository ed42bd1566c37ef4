/**
 * Answers in the heap of one thread: the plainest store there is, for tests of what uses one. It holds a fixed number of
 * bytes, and lets go of what came first.
 */
import { type BodySink, type BodySource, emptySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { CacheStore, Draft, StoredBody } from "../cache-store.ts";

const maxBytes = 67_108_864;

/** A body, complete or growing, and who reads it meanwhile. */
class Kept {
  readonly chunks: Buffer[] = [];
  readonly readers = new Set<Reader>();
  answer: StoredAnswer;
  bytes = 0;
  state: "growing" | "complete" | "broken" = "growing";

  constructor(answer: StoredAnswer) {
    this.answer = answer;
  }

  tellReaders(): void {
    for (const reader of this.readers) reader.give();
  }
}

class Reader implements BodySource {
  readonly #kept: Kept;
  readonly #sink: BodySink;
  readonly #end: number;
  /** The byte of the body that comes next, and where its chunk stands. */
  #at: number;
  #isPaused = false;

  constructor(kept: Kept, range: { readonly start: number; readonly end: number }, sink: BodySink) {
    this.#kept = kept;
    this.#sink = sink;
    this.#at = range.start;
    this.#end = range.end;
    kept.readers.add(this);
  }

  give(): void {
    const { chunks, state, bytes } = this.#kept;
    let from = 0;
    for (const chunk of chunks) {
      const to = from + chunk.length;
      if (this.#isPaused || !this.#kept.readers.has(this)) return;
      if (to > this.#at && this.#at < this.#end) {
        const part = Buffer.from(chunk.subarray(this.#at - from, Math.min(chunk.length, this.#end - from)));
        this.#at += part.length;
        this.#sink.data(part);
        if (this.#at < this.#end && !this.#sink.flush()) this.#isPaused = true;
      }
      from = to;
    }
    if (this.#isPaused || !this.#kept.readers.has(this)) return;
    if (state === "broken") {
      this.#kept.readers.delete(this);
      this.#sink.abort("UPSTREAM_TRUNCATED");
    } else if (this.#at >= this.#end || (state === "complete" && this.#at >= bytes)) {
      this.#kept.readers.delete(this);
      this.#sink.end(null);
    }
  }

  resume(): void {
    this.#isPaused = false;
    this.give();
  }

  stop(): void {
    this.#kept.readers.delete(this);
  }
}

class Found implements StoredBody {
  readonly kept: Kept;
  readonly answer: StoredAnswer;

  constructor(kept: Kept) {
    this.kept = kept;
    this.answer = kept.answer;
  }

  get isGrowing(): boolean {
    return this.kept.state === "growing";
  }

  open(start: number, end: number, sink: BodySink): BodySource {
    const reader = new Reader(this.kept, { start, end }, sink);
    reader.give();
    return this.kept.readers.has(reader) ? reader : emptySource;
  }

  release(): void {}
}

/** Keeps answers in the heap of one thread. @param maxObjectBytes the largest body that is kept */
export class ThreadStore implements CacheStore {
  readonly maxObjectBytes: number;
  readonly #byKey = new Map<string, Kept>();
  readonly #drafts = new Map<number, Kept>();
  #bytes = 0;
  #lastId = 0;

  constructor(maxObjectBytes: number) {
    this.maxObjectBytes = maxObjectBytes;
  }

  find(key: string, done: (found: StoredBody | null) => void): void {
    const kept = this.#byKey.get(key);
    done(kept === undefined ? null : new Found(kept));
  }

  create(key: string, answer: StoredAnswer): Draft | null {
    if ((answer.bodyBytes ?? 0) > this.maxObjectBytes) return null;
    const kept = new Kept(answer);
    const id = ++this.#lastId;
    this.#drafts.set(id, kept);
    const end = (state: "complete" | "broken"): void => {
      if (kept.state !== "growing") return;
      kept.state = state;
      this.#drafts.delete(id);
      kept.tellReaders();
    };
    const draft: Draft = {
      id,
      onWritable: null,
      onFailure: null,
      onDeserted: null,
      append: (chunk) => {
        if (kept.state !== "growing") return true;
        kept.chunks.push(Buffer.from(chunk));
        kept.bytes += chunk.length;
        kept.tellReaders();
        if (kept.bytes > this.maxObjectBytes) {
          end("broken");
          draft.onFailure?.();
          draft.onDeserted?.();
        }
        return true;
      },
      commit: (complete) => {
        if (kept.state !== "growing") return;
        kept.answer = complete;
        end("complete");
        this.#keep(key, kept);
      },
      abort: () => end("broken"),
      read: () => new Found(kept),
    };
    return draft;
  }

  findDraft(id: number): StoredBody | null {
    const kept = this.#drafts.get(id);
    return kept === undefined ? null : new Found(kept);
  }

  refresh(key: string, found: StoredBody, answer: StoredAnswer): void {
    const kept = this.#byKey.get(key);
    if (kept !== undefined && found instanceof Found && kept === found.kept) kept.answer = answer;
  }

  remove(key: string): void {
    const kept = this.#byKey.get(key);
    if (kept === undefined) return;
    this.#byKey.delete(key);
    this.#bytes -= kept.bytes;
  }

  close(): void {
    this.#byKey.clear();
    this.#bytes = 0;
  }

  #keep(key: string, kept: Kept): void {
    this.remove(key);
    this.#byKey.set(key, kept);
    this.#bytes += kept.bytes;
    for (const oldest of this.#byKey.keys()) {
      if (this.#bytes <= maxBytes) return;
      this.remove(oldest);
    }
  }
}
