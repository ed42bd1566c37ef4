/**
 * Answers on a disk: one thread's window on a folder that all threads of the process share. The control thread opens the
 * folder (`disk-keeper.ts`); until then, and whenever the disk is slow, full or away, everything is a miss and nothing is
 * stored. The life of a file is told in `object-file.ts` and `disk-draft.ts`, what may stay in `disk-index.ts`.
 */
import { KeyedHash } from "../../base/keyed-hash.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import { DeadlineQueue } from "../../store/deadline-queue.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { CacheStore, Draft, StoredBody } from "../cache-store.ts";
import type { Doorbells } from "../fill/doorbells.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
import { readStoredAnswer } from "../stored-answer-bytes.ts";
import { BodyReader } from "./body-reader.ts";
import { beginDraft } from "./begin-draft.ts";
import type { DiskDraft } from "./disk-draft.ts";
import { type DiskFiles, systemFiles } from "./disk-files.ts";
import type { DiskHost, DiskTrouble } from "./disk-host.ts";
import { DiskIndex, StoreState } from "./disk-index.ts";
import { DiskLookUp } from "./disk-look-up.ts";
import type { DiskRegions } from "./disk-regions.ts";
import { DiskWork } from "./disk-work.ts";
import { DraftReader } from "./draft-reader.ts";
import { DraftTable, maxBodyBytes } from "./draft-table.ts";
import { FileBody } from "./file-body.ts";
import { FolderLayout } from "./folder-layout.ts";
import type { FileMark } from "./object-file.ts";
import { type RefreshOutcome, RefreshTask } from "./refresh-task.ts";
import { rewriteBody } from "./rewrite-body.ts";
import { SharedDraftReader } from "./shared-draft-reader.ts";
import { SmallBody } from "./small-body.ts";
import { Unlinks } from "./unlinks.ts";

/** A disk that has not answered by then is too slow: the origin is asked. */
export const defaultTimeoutMs = 200;
/** So many look-ups may wait in a thread; what comes beyond is a miss. */
const maxWaiting = 256;

/** What a window on a store is made with. */
export interface DiskStoreParts {
  readonly path: string;
  readonly maxBytes: number;
  readonly maxObjectBytes: number;
  readonly regions: DiskRegions;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly doorbells: Pick<Doorbells, "ring" | "listen">;
  readonly purges: Pick<PurgeLog, "judgeDraft" | "sequence">;
  readonly scheduler: Scheduler;
  /** Milliseconds on the steady wall clock. */
  readonly nowMs: () => number;
  readonly onWorking?: () => void;
  readonly report: (trouble: DiskTrouble, error: NodeJS.ErrnoException | null) => void;
  /** Default: those of the system. */
  readonly files?: DiskFiles;
  /** Default 200. */
  readonly timeoutMs?: number;
}

interface Hash {
  readonly low: number;
  readonly high: number;
}

/** A head that is on its way into a file. */
interface Refreshing {
  readonly mark: FileMark;
  readonly answer: StoredAnswer;
}

/** One thread's window on a folder of answers. */
export class DiskStore implements CacheStore, DiskHost {
  readonly maxObjectBytes: number;
  readonly files: DiskFiles;
  readonly work: DiskWork;
  readonly index: DiskIndex;
  readonly drafts: DraftTable;
  readonly layout: FolderLayout;
  readonly purges: Pick<PurgeLog, "judgeDraft" | "sequence">;
  readonly #parts: DiskStoreParts;
  readonly #unlinks: Unlinks;
  readonly #deadlines: DeadlineQueue;
  readonly #bell: { close(): void };
  readonly #ownDrafts = new Map<number, DiskDraft>();
  /** By key: those of this thread that are complete, but not on the disk yet. */
  readonly #committing = new Map<string, DiskDraft>();
  readonly #sharedReaders = new Set<SharedDraftReader>();
  readonly #bodies = new Set<FileBody>();
  readonly #lookUps = new Set<DiskLookUp>();
  readonly #refreshing = new Map<string, Refreshing>();
  #hash: KeyedHash | null = null;
  /** The life of the folder that `#hash` is of. */
  #hashLife = 0;
  #isClosed = false;

  constructor(parts: DiskStoreParts) {
    const { regions, stripeIndex, stripes, maxBytes, scheduler, timeoutMs = defaultTimeoutMs } = parts;
    this.#parts = parts;
    this.files = parts.files ?? systemFiles;
    this.layout = new FolderLayout(parts.path);
    this.index = new DiskIndex(regions.index, {
      maxBytes,
      stripeIndex,
      stripes,
      now: () => parts.nowMs() / 1_000,
    });
    this.drafts = new DraftTable(regions.drafts, stripeIndex);
    this.work = new DiskWork({ region: regions.work, stripeIndex, scheduler, hangMs: timeoutMs });
    this.purges = parts.purges;
    // An object that takes more than a quarter of the room would push out too much for its own sake.
    this.maxObjectBytes = Math.min(parts.maxObjectBytes, maxBodyBytes, Math.floor(maxBytes / 4));
    this.#unlinks = new Unlinks({
      files: this.files,
      work: this.work,
      onError: (error) => this.report("unlink", error),
    });
    this.#deadlines = new DeadlineQueue({ scheduler, timeoutMs });
    this.#bell = parts.doorbells.listen(this.#onBell);
  }

  find(key: string, done: (found: StoredBody | null) => void): void {
    const hash = this.#hashOf(key);
    if (hash === null) {
      done(null);
      return;
    }
    const { low, high } = hash;
    const complete = this.#findCommitting(key, low, high);
    if (complete !== null) {
      done(complete);
      return;
    }
    const place = this.index.find(low, high);
    if (place === -1 && this.index.isReady) {
      done(null);
      return;
    }
    if (this.work.isHanging || this.work.waiting >= maxWaiting) {
      this.report("hang", null);
      done(null);
      return;
    }
    if (place !== -1) this.index.touch(place);
    const lookUp = new DiskLookUp({
      host: this,
      key,
      low,
      high,
      blocks: place === -1 ? 0 : this.index.blocksOf(place),
      bodies: this.#bodies,
      onLost: this.#onLost,
      done: (found) => {
        this.#lookUps.delete(lookUp);
        if (this.#isClosed) found?.release();
        else done(found === null ? null : this.#refreshed(key, found));
      },
    });
    this.#lookUps.add(lookUp);
    this.#deadlines.add(lookUp);
    this.work.run(lookUp);
  }

  create(key: string, answer: StoredAnswer): Draft | null {
    return this.#create(key, answer, null);
  }

  /** @param mark of the file that has this body already; null = it is new */
  #create(key: string, answer: StoredAnswer, mark: FileMark | null): DiskDraft | null {
    const hash = this.#hashOf(key);
    // How much the folder holds is not known before the index is ready.
    if (hash === null || !this.index.isReady || this.work.isHanging) return null;
    if ((answer.bodyBytes ?? 0) > this.maxObjectBytes) return null;
    const { low, high } = hash;
    const draft = beginDraft({
      host: this,
      key,
      answer,
      low,
      high,
      mark,
      onCommit: (committed) => void this.#committing.set(key, committed),
      onOutdated: (outdated) => this.#refreshFile(key, hash, { mark: outdated.mark, answer: outdated.answer }),
      onEnd: (ended) => {
        this.#ownDrafts.delete(ended.id);
        if (this.#committing.get(key) === ended) this.#committing.delete(key);
      },
    });
    if (draft !== null) this.#ownDrafts.set(draft.id, draft);
    return draft;
  }

  findDraft(id: number): StoredBody | null {
    if (this.#isClosed) return null;
    const own = this.#ownDrafts.get(id);
    if (own !== undefined) return own.isBroken ? null : own.read();
    const draft = this.drafts.join(id);
    if (draft === null) return null;
    const answer = readStoredAnswer(draft.answerBytes);
    const hash = this.#hashOf(draft.key);
    if (answer === null || hash === null) {
      this.#leave(id);
      return null;
    }
    const reader = new SharedDraftReader({
      host: this,
      answer,
      draft,
      objectPath: this.layout.object(hash.low, hash.high),
      onEnd: (ended) => {
        this.#sharedReaders.delete(ended);
        this.#leave(ended.id);
      },
    });
    this.#sharedReaders.add(reader);
    return reader;
  }

  refresh(key: string, found: StoredBody, answer: StoredAnswer): void {
    const hash = this.#hashOf(key);
    if (hash === null) return;
    const committing = this.#committing.get(key);
    if (found instanceof DraftReader && committing?.isCommitting === true && found.mark.draft === committing.id) {
      committing.replaceAnswer(answer);
      return;
    }
    const mark = this.#markOf(found);
    if (mark !== null) this.#refreshFile(key, hash, { mark, answer });
  }

  #refreshFile(key: string, { low, high }: Hash, refreshing: Refreshing): void {
    this.#refreshing.set(key, refreshing);
    const over = (): void => {
      if (this.#refreshing.get(key) === refreshing) this.#refreshing.delete(key);
    };
    const done = (outcome: RefreshOutcome): void => {
      if (outcome !== "too-large" || this.#isClosed) over();
      else this.find(key, (found) => this.#rewrite(key, found, refreshing, over));
    };
    this.work.run(new RefreshTask({ host: this, low, high, ...refreshing, done }));
  }

  remove(key: string): void {
    const hash = this.#hashOf(key);
    if (hash === null) return;
    const { low, high } = hash;
    this.drafts.disown(low, high);
    this.#committing.delete(key);
    const isKnown = this.index.remove(low, high) > 0;
    if (isKnown || this.index.state === StoreState.filling) this.unlink(this.layout.object(low, high));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#bell.close();
    this.#deadlines.close();
    for (const lookUp of this.#lookUps) lookUp.close();
    this.#lookUps.clear();
    for (const draft of [...this.#ownDrafts.values()]) draft.close();
    for (const reader of [...this.#sharedReaders]) reader.cut();
    for (const body of [...this.#bodies]) body.cut();
  }

  #rewrite(key: string, found: StoredBody | null, { mark, answer }: Refreshing, done: () => void): void {
    const known = found === null ? null : this.#markOf(found);
    if (found !== null && known?.life === mark.life && known.draft === mark.draft) {
      const create = (): Draft | null => this.#create(key, answer, mark);
      rewriteBody({ create, found, answer, done });
      return;
    }
    found?.release();
    done();
  }

  nowMs(): number {
    return this.#parts.nowMs();
  }

  ring(mask: number): void {
    if (mask !== 0) this.#parts.doorbells.ring(mask);
  }

  onWorking(): void {
    this.#parts.onWorking?.();
  }

  report(trouble: DiskTrouble, error: NodeJS.ErrnoException | null): void {
    this.#parts.report(trouble, error);
  }

  unlink(path: string): void {
    this.#unlinks.add(path);
  }

  unlinkNow(path: string, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#unlinks.now(path, done);
  }

  isUnlinking(path: string): boolean {
    return this.#unlinks.has(path);
  }

  afterUnlink(path: string, run: () => void): void {
    this.#unlinks.after(path, run);
  }

  /** What is open and under way. For leak checks. */
  inspect(): Record<
    "drafts" | "unsettled" | "readers" | "bodies" | "lookUps" | "refreshing" | "waiting" | "underWay",
    number
  > {
    let unsettled = 0;
    for (const draft of this.#ownDrafts.values()) if (draft.isUnsettled) unsettled++;
    return {
      unsettled,
      refreshing: this.#refreshing.size,
      drafts: this.#ownDrafts.size,
      readers: this.#sharedReaders.size,
      bodies: this.#bodies.size,
      lookUps: this.#lookUps.size,
      waiting: this.work.waiting,
      underWay: this.work.underWay,
    };
  }

  /** The hash of a key; null if the folder is not open. */
  #hashOf(key: string): Hash | null {
    if (this.#isClosed || this.index.state === StoreState.closed) return null;
    const { life } = this.index;
    if (this.#hash === null || this.#hashLife !== life)
      this.#hash = new KeyedHash(this.index.seedLow, this.index.seedHigh);
    this.#hashLife = life;
    const hash = this.#hash;
    hash.update(key);
    return { low: hash.low, high: hash.high };
  }

  /** What is complete, in whatever thread, but not on the disk yet. */
  #findCommitting(key: string, low: number, high: number): StoredBody | null {
    const own = this.#committing.get(key);
    if (own?.isCommitting === true) return this.#isValid(own.answer) ? own.read() : null;
    const id = this.drafts.findCommitting(low, high);
    if (id === 0 || this.#ownDrafts.has(id)) return null;
    const found = this.findDraft(id);
    if (found instanceof SharedDraftReader && found.key === key && this.#isValid(found.answer)) return found;
    found?.release();
    return null;
  }

  /** A sweep does not see what is not in the index: it may have been purged since it was complete. */
  #isValid(answer: StoredAnswer): boolean {
    return this.purges.judgeDraft(answer) === "valid";
  }

  #leave(id: number): void {
    for (const reader of this.#sharedReaders) if (reader.id === id) return;
    this.drafts.leave(id);
  }

  #markOf(found: StoredBody): FileMark | null {
    if (found instanceof SmallBody || found instanceof FileBody) return found.mark;
    if (found instanceof DraftReader || found instanceof SharedDraftReader) return found.mark;
    return null;
  }

  /** A refresh that is on its way to the disk holds already. */
  #refreshed(key: string, found: StoredBody): StoredBody {
    const refreshing = this.#refreshing.get(key);
    if (refreshing === undefined || !(found instanceof BodyReader)) return found;
    const mark = this.#markOf(found);
    if (mark?.life === refreshing.mark.life && mark.draft === refreshing.mark.draft)
      found.answer = { ...refreshing.answer, bodyBytes: found.answer.bodyBytes };
    return found;
  }

  readonly #onLost = (low: number, high: number, why: "damaged" | "gone"): void => {
    this.index.remove(low, high);
    if (why === "damaged") this.unlink(this.layout.object(low, high));
  };

  /** Another thread has gone on with a draft that is read here, or reads one that is written here. */
  readonly #onBell = (): void => {
    for (const reader of this.#sharedReaders) reader.pump();
    for (const draft of this.#ownDrafts.values()) draft.wakeUp();
  };
}
