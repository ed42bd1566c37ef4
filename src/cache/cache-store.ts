/**
 * The contract between the cache and the places it keeps answers in: memory, a disk, Redis. A store knows no HTTP: it
 * keeps bodies and what `StoredAnswer` says of them, under keys that somebody else makes. One conformance suite runs
 * against every store (`cache/testing/conformance.ts`).
 *
 * Nothing here throws. A store that is full, slow or away says so as a miss, or takes nothing: the proxy then goes on as
 * if there were no cache.
 */
import type { BodySink, BodySource } from "../http/body.ts";
import type { StoredAnswer } from "../http/cache/stored-answer.ts";

/** The longest key in bytes; whoever makes a longer one does not use the cache for that request. */
export const maxKeyBytes = 16_384;

/** One thread's window on a store. Calls nothing back after `close`, and finds nothing. Keys are latin1 text of 1 to `maxKeyBytes`. */
export interface CacheStore {
  /** The largest body that is kept, in bytes. */
  readonly maxObjectBytes: number;
  /**
   * Looks `key` up.
   * @param done called once, at once or later; null = a miss, or no answer in time. What is found must be opened or
   *   released
   */
  find(key: string, done: (found: StoredBody | null) => void): void;
  /**
   * Begins to write; nobody finds it before `commit`.
   * @param answer as far as it is known; a `bodyBytes` that is too large is refused at once
   * @returns null = not now: too large, no room, the store is away
   */
  create(key: string, answer: StoredAnswer): Draft | null;
  /** A draft that some thread of this process is writing, by `Draft.id`; null = it is not there any more. */
  findDraft(id: number): StoredBody | null;
  /**
   * Replaces what is said of a body that stays the same (after a 304), unless something else is stored by now.
   * @param found what was found in this store under `key`; it stays the caller's to open or release, and may have been
   *   already
   */
  refresh(key: string, found: StoredBody, answer: StoredAnswer): void;
  /** Takes away what is stored under `key`, if there is something. Who reads it is served to its end. */
  remove(key: string): void;
  /** Lets go of everything that this thread holds: bodies that are being read or written break off. */
  close(): void;
}

/** What was found. It stays whole and unchanged until it is released or read to its end, whatever happens to the store. */
export interface StoredBody {
  /** As it was when it was found; of a draft: as it was when the draft was created. */
  readonly answer: StoredAnswer;
  /** It is a draft that is still being written. */
  readonly isGrowing: boolean;
  /**
   * Gives bytes to `sink`, by the rules of `http/body.ts`; chunks may come before this returns. Breaks off with `abort`
   * if the draft does, or if the store cannot give the rest. Once; it releases itself at the end, on `stop` and on
   * `abort`.
   * @param start the first byte @param end the first byte that is not wanted; Infinity = to its end
   */
  open(start: number, end: number, sink: BodySink): BodySource;
  /** It is not wanted any more. Harmless if it was opened or released already. */
  release(): void;
}

/** An answer that is being written, by one thread. */
export interface Draft {
  /** Names it in all threads of the process. */
  readonly id: number;
  /**
   * Adds to the body; copies what it keeps. Does nothing after `commit`, `abort` or a failure.
   * @returns false: no more until `onWritable`
   */
  append(chunk: Buffer): boolean;
  /** Called after `append` has returned false, when more can come. */
  onWritable: (() => void) | null;
  /**
   * Called once, perhaps within `append`, if it cannot be stored any more (disk full, too large, Redis away); never
   * within `create`. Readers break off, or are served to their end if that is possible: for them the writer goes on with
   * `append`, at their pace, and with `commit` or `abort`, which store nothing then.
   */
  onFailure: (() => void) | null;
  /** Called once after `onFailure` when nobody reads it in this thread any more: there is nothing to go on for. */
  onDeserted: (() => void) | null;
  /**
   * It is complete: found from now on, unless a purge since `answer.purgeSequence` matches it. Readers come to their
   * end. If `answer.bodyBytes` is neither null nor what was appended, it is not complete: then this is `abort`.
   */
  commit(answer: StoredAnswer): void;
  /** Readers break off; nothing is stored. Harmless after `commit` and after a failure. */
  abort(): void;
  /** Reads it in this thread, from its first byte, while it grows. Harmless after its end: then it gives nothing. */
  read(): StoredBody;
}
