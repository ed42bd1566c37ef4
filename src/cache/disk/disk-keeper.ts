/**
 * What the control thread does for a folder of answers: it opens the folder for all threads, finds out in the background
 * what is there, sweeps it for purges, and cleans up after threads that died. The data path needs it only to begin:
 * `DiskStore` does the rest by itself.
 *
 * Opening: lock, marks (seed and life), drafts of a crash deleted, then the files are counted one by one. While that
 * goes on, answers that are there are found by their names, and nothing new is stored, because nobody knows how much
 * room there is. If there are purges that the files may not have seen, the heads are read, too, and nothing is found
 * before that is through.
 */
import { mkdir, unlink } from "node:fs/promises";
import { systemScheduler, type ScheduledCall, type Scheduler } from "../../base/scheduler.ts";
import { makePrivateFolder } from "../../base/durable-file.ts";
import { staleFrom } from "../../http/cache/stored-answer.ts";
import type { Purge, PurgeVerdict } from "../purge/purge.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
import type { SweepRound } from "../purge/purge-sweeper.ts";
import type { StoreControl, StoreFill } from "../store-control.ts";
import { asOfNow } from "./disk-look-up.ts";
import { blockBytes, DiskIndex, StoreState, type Victim } from "./disk-index.ts";
import type { DiskRegions } from "./disk-regions.ts";
import { DraftTable } from "./draft-table.ts";
import { FolderLayout } from "./folder-layout.ts";
import { FolderLock } from "./folder-lock.ts";
import { openMarks } from "./folder-marks.ts";
import { deleteDrafts, forEach, sizeOf, walkObjects, type WalkedFile } from "./folder-walk.ts";
import { answerBytesOf, type ObjectHead, writeHead } from "./object-file.ts";
import { HeadFile } from "./head-file.ts";
import { PurgeJournal } from "./purge-journal.ts";

const defaultTickMs = 5_000;
/** So often a folder that another process has, or that cannot be opened, is tried again. */
const retryMs = 1_000;
/** So often this process may have the folder itself before it is said. */
const maxOwnTries = 10;

/** What the control thread says of a folder. */
export interface KeeperEvents {
  /** It cannot be used, and why; it is tried again. */
  onTrouble(reason: string, error: NodeJS.ErrnoException | null): void;
  /** It is open after all. */
  onOpen(): void;
}

/** What a keeper is made with. */
export interface DiskKeeperParts extends KeeperEvents {
  /** Of the store, in answers and logs. */
  readonly name: string;
  readonly path: string;
  readonly maxBytes: number;
  readonly regions: DiskRegions;
  readonly stripes: number;
  readonly purges: Pick<PurgeLog, "sequence">;
  /** Milliseconds on the steady wall clock. */
  readonly nowMs: () => number;
  readonly scheduler?: Scheduler;
  /** How often the lock is touched, and dead threads are cleaned up after; default 5,000. */
  readonly tickMs?: number;
}

/** One for each folder that a process uses. */
export class DiskKeeper implements StoreControl {
  readonly name: string;
  readonly #parts: DiskKeeperParts;
  readonly #scheduler: Scheduler;
  readonly #tickMs: number;
  readonly #layout: FolderLayout;
  readonly #index: DiskIndex;
  readonly #drafts: DraftTable;
  readonly #lock: FolderLock;
  readonly #journal: PurgeJournal;
  /** What was purged before the folder could be opened. */
  #missed: Purge[] = [];
  #life = 0;
  #ownTries = 0;
  #isClosed = false;
  #call: ScheduledCall | null = null;
  /** Opening, and counting what is there. */
  #opening: Promise<void> = Promise.resolve();

  constructor(parts: DiskKeeperParts) {
    const { path, maxBytes, regions, stripes, nowMs, scheduler = systemScheduler } = parts;
    this.name = parts.name;
    this.#parts = parts;
    this.#scheduler = scheduler;
    this.#tickMs = parts.tickMs ?? defaultTickMs;
    this.#layout = new FolderLayout(path);
    this.#index = new DiskIndex(regions.index, { maxBytes, stripeIndex: -1, stripes, now: () => nowMs() / 1_000 });
    this.#drafts = new DraftTable(regions.drafts, -1);
    this.#lock = new FolderLock(this.#layout.lock);
    this.#journal = new PurgeJournal(this.#layout.purges, () => scheduler.clock.now());
  }

  /** Opens the folder, in the background; tries again until it can, or is closed. */
  open(): void {
    this.#tryToOpen();
  }

  /** When the folder is open and counted, or this try has failed. For tests. */
  get opened(): Promise<void> {
    return this.#opening;
  }

  fill(): StoreFill {
    const { objects, blocks, evictions } = this.#index;
    return { objects, bytes: blocks * blockBytes, maxBytes: this.#parts.maxBytes, evictions };
  }

  async record(purge: Purge): Promise<void> {
    if (this.#life === 0) {
      if (this.#missed.length < 1_000) this.#missed.push(purge);
      else this.#missed = [{ kind: "all", value: "", isSoft: false }];
      throw new Error(
        "the folder is not open: what is in it is purged when it can be opened, unless this process ends",
      );
    }
    await this.#journal.record(purge, this.#life, this.#parts.purges.sequence);
  }

  async sweep(round: SweepRound): Promise<void> {
    await this.#opening;
    if (this.#index.state !== StoreState.ready) return;
    // Whoever commits from now on sees the purge; whoever was in the middle is in the index.
    this.#index.settle();
    const entries = [...this.#index.entries()];
    await forEach(
      entries,
      async ({ low, high }) => {
        const file = { low, high, path: this.#layout.object(low, high) };
        await this.#judge(file, (head) => round.judge(asOfNow(head, { index: this.#index, nowMs: this.#parts.nowMs })));
      },
      () => this.#isClosed,
    );
    if (!this.#isClosed) this.#journal.noteSwept(this.#life, round.upTo);
  }

  /** Lets go of the folder. What threads are writing is left for the next start to clean up. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#call?.cancel();
    this.#index.state = StoreState.closed;
    await this.#opening;
    this.#index.state = StoreState.closed;
    await this.#journal.close().catch(() => {});
    await this.#lock.give().catch(() => {});
  }

  #tryToOpen(): void {
    this.#opening = this.#open()
      .then((isOpen) => {
        this.#after(isOpen ? this.#tickMs : retryMs);
      })
      .catch((error: NodeJS.ErrnoException) => {
        this.#trouble(`the folder cannot be used: ${error.message}`, error);
        this.#index.state = StoreState.closed;
        this.#life = 0;
        this.#after(retryMs);
      });
  }

  #after(ms: number): void {
    if (this.#isClosed) return;
    this.#call = this.#scheduler.after(ms, () => {
      if (this.#life === 0) this.#tryToOpen();
      else void this.#tick().finally(() => this.#after(this.#life === 0 ? retryMs : this.#tickMs));
    });
  }

  async #open(): Promise<boolean> {
    const layout = this.#layout;
    await makePrivateFolder(layout.path).catch(passIfThere);
    const owner = await this.#lock.take();
    if (owner !== null) {
      // A reload may have opened this before it closes the one before.
      if (owner !== process.pid || ++this.#ownTries > maxOwnTries)
        this.#trouble(
          owner === process.pid
            ? "another store, or another proxy in this process, has the folder"
            : `another process has the folder (process ${owner})`,
          null,
        );
      return false;
    }
    const marks = await openMarks(layout.marks);
    await mkdir(layout.drafts, { mode: 0o700 }).catch(passIfThere);
    await mkdir(layout.objects, { mode: 0o700 }).catch(passIfThere);
    await deleteDrafts(layout);
    if (marks.isNew) await this.#deleteAll();
    await this.#journal.load(marks.life - 1);
    for (const purge of this.#missed.splice(0)) await this.#journal.record(purge, marks.life - 1, 2 ** 32 - 1);
    this.#life = marks.life;
    this.#index.clear();
    this.#index.setFolder(marks);
    if (this.#isClosed) return false;
    const isUnpurged = this.#journal.size > 0;
    if (!isUnpurged) this.#index.state = StoreState.filling;
    const judge = this.#journal.judge();
    await forEach(
      walkObjects(layout),
      async (file) => {
        if (!isUnpurged || (await this.#judge(file, (head) => judge(head, head.answer))) !== "gone")
          await this.#count(file);
      },
      () => this.#isClosed,
    );
    if (this.#isClosed) return false;
    this.#journal.noteSwept(this.#life, 0);
    await this.#makeRoom();
    this.#index.state = StoreState.ready;
    this.#parts.onOpen();
    return true;
  }

  #trouble(reason: string, error: NodeJS.ErrnoException | null): void {
    this.#parts.onTrouble(reason, error);
  }

  /** Files whose names nobody can make any more. */
  async #deleteAll(): Promise<void> {
    await forEach(
      walkObjects(this.#layout),
      ({ path }) => unlink(path).catch(() => {}),
      () => this.#isClosed,
    );
  }

  async #count({ low, high, path }: WalkedFile): Promise<void> {
    const bytes = await sizeOf(path);
    if (bytes === null || this.#index.find(low, high) !== -1) return;
    const blocks = Math.max(1, Math.ceil(bytes / blockBytes));
    const victims: Victim[] = [];
    this.#index.add({ low, high, blocks, usableUntil: 2 ** 32 - 1 }, 0, victims, () => true);
    await this.#delete(victims);
  }

  /** The limit may be lower than it was. */
  async #makeRoom(): Promise<void> {
    const victims: Victim[] = [];
    this.#index.takeRoom(0, victims);
    await this.#delete(victims);
  }

  async #delete(victims: readonly Victim[]): Promise<void> {
    await forEach(
      victims,
      ({ low, high }) => unlink(this.#layout.object(low, high)).catch(() => {}),
      () => false,
    );
  }

  /**
   * Reads the head of a file and does what `judge` says of it. What cannot be read, or be made stale, goes.
   * @throws the system's error if it cannot be deleted: then the purge is not through
   */
  async #judge(file: WalkedFile, judge: (head: ObjectHead) => PurgeVerdict): Promise<PurgeVerdict> {
    let verdict: PurgeVerdict = "gone";
    try {
      const head = await HeadFile.read(file.path);
      if (head !== null) verdict = judge(head);
      if (head !== null && verdict === "soft") await this.#makeStale(file, head);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
      verdict = "gone";
    }
    if (verdict !== "gone") return verdict;
    this.#index.remove(file.low, file.high);
    await unlink(file.path).catch(passIfGone);
    return verdict;
  }

  async #makeStale({ path }: WalkedFile, head: ObjectHead): Promise<void> {
    const answer = staleFrom(head.answer, this.#parts.nowMs());
    const target = Buffer.alloc(head.slotBytes);
    if (!writeHead(target, { ...head, revision: (head.revision + 1) >>> 0 }, answerBytesOf(answer)))
      throw new Error("the head does not fit");
    const file = await HeadFile.open(path, "r+");
    try {
      // Another answer may have the name by now: it was stored after the purge.
      const now = await file.read();
      if (now?.life !== head.life || now.draft !== head.draft) return;
      await file.write(target, head.slot === 0 ? head.slotBytes : 0);
    } finally {
      file.close();
    }
  }

  async #tick(): Promise<void> {
    try {
      for (const { id, life, low, high } of this.#drafts.takeDead()) {
        await unlink(this.#layout.draft(life, id)).catch(() => {});
        // Its thread may have died between giving it its name and making it known.
        if (this.#index.find(low, high) === -1) await unlink(this.#layout.object(low, high)).catch(() => {});
      }
      await mkdir(this.#layout.drafts, { mode: 0o700 }).catch(passIfThere);
      await mkdir(this.#layout.objects, { mode: 0o700 }).catch(passIfThere);
      await this.#journal.settle();
      if (await this.#lock.touch()) return;
      this.#trouble("the lock of the folder is gone", null);
    } catch (error) {
      this.#trouble("the folder cannot be used", error as NodeJS.ErrnoException);
    }
    if (this.#isClosed) return;
    this.#index.state = StoreState.closed;
    this.#life = 0;
  }
}

function passIfGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

function passIfThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
