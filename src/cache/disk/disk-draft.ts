/**
 * An answer on its way to the disk. It is written to a file among the drafts, which gets its name when it is complete:
 * whatever a crash leaves is either a whole file or a draft, and drafts are deleted at the next start. Nothing is synced:
 * a cache need not outlive a power cut, and what one tears is found out by its checksums.
 *
 * Readers of this thread are served from memory, so that a client waits for its origin and never for the disk; one that
 * falls behind by more than a window reads what is on the disk already. Other threads read the file, as far as the table
 * of drafts says that it is written.
 *
 * One call to the disk at a time. If one fails, the draft is no answer of the store any more; readers of this thread get
 * the rest all the same, as long as somebody appends it.
 */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { staleFrom, withBodyBytes } from "../../http/cache/stored-answer.ts";
import type { Draft, StoredBody } from "../cache-store.ts";
import { BodyTail, type TailWrite } from "./body-tail.ts";
import type { DiskHost, DiskTrouble } from "./disk-host.ts";
import type { Victim } from "./disk-index.ts";
import type { DiskTask } from "./disk-work.ts";
import { DraftReader, type ReadDraft } from "./draft-reader.ts";
import { DraftFile } from "./draft-file.ts";
import { DraftReaders } from "./draft-readers.ts";
import { blocksOf, type DraftRoom } from "./draft-room.ts";
import { DraftState } from "./draft-table.ts";
import { type FileMark, fileBytesOf, usableUntilOf } from "./object-file.ts";

/** So much may wait for the disk, or for the slowest reader if there is no disk any more. */
const windowBytes = 1_048_576;
/** More may come when so much is left. */
const resumeBytes = windowBytes / 2;

/** What a draft is made with. */
export interface DraftParts {
  readonly host: DiskHost;
  readonly key: string;
  readonly answer: StoredAnswer;
  readonly low: number;
  readonly high: number;
  /** Of the file that has the same body already; null = there is none. */
  readonly mark: FileMark | null;
  /** It is complete, and wanted. */
  readonly onCommit: (draft: DiskDraft) => void;
  /** The file has its name, and a head that is not the last one. */
  readonly onOutdated: (draft: DiskDraft) => void;
  /** It is through: no file, no memory, no reader is left. */
  readonly onEnd: (draft: DiskDraft) => void;
}

const Phase = {
  /** The body grows. */
  growing: 0,
  /** The body is complete, the file is not. */
  committing: 1,
  /** There is a file with a name, or nothing to be done any more. */
  done: 2,
  /** It is not stored. */
  broken: 3,
} as const;

/** The writer of a draft. */
export class DiskDraft implements Draft, DiskTask, ReadDraft {
  readonly id: number;
  readonly host: DiskHost;
  readonly tail: BodyTail;
  readonly slotBytes: number;
  readonly room: DraftRoom;
  /** Stands in its file. */
  readonly mark: FileMark;
  onWritable: (() => void) | null = null;
  onFailure: (() => void) | null = null;
  onDeserted: (() => void) | null = null;
  readonly #parts: DraftParts;
  readonly #file: DraftFile;
  readonly #readers = new DraftReaders();
  #answer: StoredAnswer;
  #phase: number = Phase.growing;
  /** Nothing more comes; null = it may. */
  #ending: "complete" | "broken" | null = null;
  #isBusy = false;
  /** What the head in the file says; null = there is none yet. */
  #writtenAnswer: StoredAnswer | null = null;
  #isPaused = false;
  #isEnded = false;

  /** Made by `beginDraft`. */
  constructor(parts: DraftParts, { id, slotBytes, room }: Pick<DiskDraft, "id" | "slotBytes" | "room">) {
    this.#parts = parts;
    this.host = parts.host;
    this.#answer = parts.answer;
    this.id = id;
    this.slotBytes = slotBytes;
    this.room = room;
    const name = { life: parts.host.index.life, draft: id };
    this.mark = parts.mark ?? name;
    this.#file = new DraftFile({ ...parts, name, mark: this.mark, slotBytes });
    this.tail = new BodyTail(this.mark, slotBytes, parts.answer.bodyBytes);
  }

  /** Opens its file, when there is room. */
  begin(): void {
    this.#go();
  }

  /** It is the answer of the store for its key, though it may not be on the disk yet. */
  get isCommitting(): boolean {
    return this.#phase === Phase.committing && this.host.drafts.stateOf(this.id) === DraftState.committing;
  }

  /** It has to become a file, or to be deleted, still. */
  get isUnsettled(): boolean {
    return this.#phase === Phase.committing || (this.#phase >= Phase.done && (this.#isBusy || this.#hasStep()));
  }

  get isBroken(): boolean {
    return this.#phase === Phase.broken && this.#ending !== "complete";
  }

  get fd(): number {
    return this.#file.fd;
  }

  get answer(): StoredAnswer {
    return this.#answer;
  }

  get ending(): "complete" | "broken" | null {
    return this.#ending;
  }

  append(chunk: Buffer): boolean {
    if (this.#ending !== null || chunk.length === 0) return !this.#isPaused;
    if (this.#phase === Phase.broken && this.#readers.isEmpty) return true;
    if (this.#phase === Phase.growing && this.tail.appended + chunk.length > this.host.maxObjectBytes)
      this.#fail(null, null, "later");
    this.tail.append(chunk);
    if (this.#phase === Phase.growing && !this.room.extend(fileBytesOf(this.slotBytes, this.tail.appended)))
      this.#fail(null, null, "later");
    this.#readers.pump();
    this.#go();
    this.#isPaused = this.#backlog > windowBytes;
    return !this.#isPaused;
  }

  commit(answer: StoredAnswer): void {
    if (this.#ending !== null) return;
    if (answer.bodyBytes !== null && answer.bodyBytes !== this.tail.appended) {
      this.abort();
      return;
    }
    this.#ending = "complete";
    this.tail.finish();
    if (this.#phase === Phase.growing) {
      this.#phase = Phase.committing;
      this.#judge(withBodyBytes(answer, this.tail.appended));
    }
    this.#readers.pump();
    this.#go();
  }

  abort(): void {
    if (this.#ending !== null) return;
    this.#ending = "broken";
    if (this.#phase === Phase.growing) this.#break();
    this.#readers.pump();
    this.#go();
  }

  read(): StoredBody {
    const reader = new DraftReader(this);
    if (this.#isEnded) reader.cut();
    else this.#readers.add(reader);
    return reader;
  }

  /** A reader has gone on, or has left. */
  readOn(reader: DraftReader): void {
    if (reader.hasLeft) this.#readers.delete(reader);
    this.#trim();
    this.#resume();
    this.#endIfDone();
  }

  /** Its answer was validated before its file was complete. */
  replaceAnswer(answer: StoredAnswer): void {
    this.#answer = { ...answer, bodyBytes: this.tail.appended };
  }

  /** Another thread may read it now: then all that there is is written. */
  wakeUp(): void {
    this.#go();
  }

  /** Everything breaks off: the store is closed. */
  close(): void {
    this.onFailure = null;
    this.onWritable = null;
    if (this.#phase !== Phase.done) this.abort();
    this.#readers.cut();
  }

  /** Someone has purged it since its fetch began, or has only made it stale. */
  #judge(answer: StoredAnswer): void {
    const { purges } = this.host;
    // Looked at first: what comes in between is judged again when it is made known.
    const purgeSequence = Math.max(purges.sequence, answer.purgeSequence);
    const verdict = purges.judgeDraft(answer);
    this.#answer = { ...(verdict === "soft" ? staleFrom(answer, this.host.nowMs()) : answer), purgeSequence };
    const state = verdict === "gone" ? DraftState.unwanted : DraftState.committing;
    const { low, high } = this.#parts;
    // Who commits last is the answer.
    this.host.drafts.disown(low, high);
    this.host.ring(this.host.drafts.commit(this.id, this.tail.appended, state));
    if (state === DraftState.committing) this.#parts.onCommit(this);
  }

  /** How much waits for the disk, or if it is not stored any more, for readers. */
  get #backlog(): number {
    return this.#phase === Phase.broken ? this.#readers.backlog(this.tail) : this.tail.unwritten;
  }

  #resume(): void {
    if (!this.#isPaused || this.#ending !== null || this.#backlog > resumeBytes) return;
    this.#isPaused = false;
    this.onWritable?.();
  }

  /** Lets go of the memory that nobody needs. */
  #trim(): void {
    const { tail } = this;
    if (this.#phase !== Phase.broken) return tail.drop(Math.min(tail.written, this.#readers.keepFrom(tail, "near")));
    // What is not in the file is there for readers alone.
    tail.drop(this.#readers.keepFrom(tail, "all"));
    if (this.onFailure !== null || this.#ending !== null || !this.#readers.isEmpty) return;
    this.onDeserted?.();
    this.onDeserted = null;
  }

  /** @param trouble null = it is too large, or there is no room: nothing is wrong with the disk */
  #fail(trouble: DiskTrouble | null, error: NodeJS.ErrnoException | null, when: "now" | "later"): void {
    if (this.#phase >= Phase.done) return;
    if (trouble !== null) this.host.report(trouble, error);
    const wasGrowing = this.#phase === Phase.growing;
    this.#break();
    // Whoever appends does not expect to be called back in the middle of it.
    if (!wasGrowing) return;
    if (when === "now") this.#tellFailure();
    else queueMicrotask(() => this.#tellFailure());
  }

  /** From now on it waits for its readers alone. */
  #tellFailure(): void {
    this.onFailure?.();
    this.onFailure = null;
    this.#trim();
    this.#resume();
  }

  /** It is not stored; who reads it in another thread breaks off. */
  #break(): void {
    this.#phase = Phase.broken;
    this.host.ring(this.host.drafts.finish(this.id, DraftState.broken));
  }

  /** Does what is to be done next, if there is something. */
  #go(): void {
    if (this.#isBusy || this.#isEnded) return;
    if (!this.#hasStep()) {
      this.#endIfDone();
      return;
    }
    this.#isBusy = true;
    this.host.work.run(this);
  }

  #hasStep(): boolean {
    if (this.room.victims.length > 0) return true;
    if (this.#phase === Phase.broken) return this.#file.isThere;
    if (this.#phase === Phase.done) return false;
    if (this.fd === -1 || this.#phase === Phase.committing) return true;
    return this.tail.next(this.#writeMode) !== null;
  }

  get #writeMode(): "whole" | "early" {
    return this.host.drafts.hasReaders(this.id) ? "early" : "whole";
  }

  start(): void {
    const victim = this.room.victims.pop();
    if (victim !== undefined) this.#unlinkVictim(victim);
    else if (this.#phase === Phase.broken && this.#file.isThere) this.#file.unlink(this.#onUnlinked);
    else if (this.#phase >= Phase.done) this.#stepDone();
    else if (this.fd === -1) this.#file.open(this.#onOpen);
    else {
      const write = this.tail.next(this.#writeMode);
      if (write !== null) this.#write(write);
      else if (this.#phase !== Phase.committing) this.#stepDone();
      else if (!this.isCommitting || !this.host.index.isReady) this.#drop();
      else if (this.host.isUnlinking(this.#file.objectPath)) this.#waitForUnlink();
      else if (this.#writtenAnswer !== this.#answer) this.#writeHead();
      else this.#file.rename(this.#onRenamed);
    }
  }

  /** It is complete, but not stored. */
  #drop(): void {
    this.#phase = Phase.broken;
    this.host.ring(this.host.drafts.finish(this.id, DraftState.complete));
    this.#stepDone();
  }

  /** What was stored under its key before is being deleted: the file must not be the one that goes. */
  #waitForUnlink(): void {
    // Still busy meanwhile.
    this.host.work.ended();
    this.host.afterUnlink(this.#file.objectPath, () => {
      this.#isBusy = false;
      this.#go();
    });
  }

  readonly #onOpen = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) this.#fail("open", error, "now");
    this.#stepDone();
  };

  readonly #onRenamed = (error: NodeJS.ErrnoException | null): void => {
    if (error === null) this.#makeKnown();
    else this.#fail("rename", error, "now");
    this.#stepDone();
  };

  readonly #onUnlinked = (error: NodeJS.ErrnoException | null): void => {
    if (error !== null) this.host.report("unlink", error);
    this.#stepDone();
  };

  #stepDone(): void {
    this.#isBusy = false;
    this.host.work.ended();
    this.#go();
  }

  #unlinkVictim(victim: Victim): void {
    const { host } = this;
    const path = host.layout.object(victim.low, victim.high);
    host.unlinkNow(path, (error) => {
      if (error !== null) {
        // It is still there, and takes room.
        host.index.add({ ...victim, usableUntil: 2 ** 32 - 1 }, 0, this.room.victims, () => true);
        this.#fail("unlink", error, "now");
      }
      this.#stepDone();
    });
  }

  #write(write: TailWrite): void {
    const { host, tail } = this;
    const answer = this.#answer;
    // The first write of a small body takes its head along.
    const isFirst = this.#phase === Phase.committing && tail.written === 0;
    const head = isFirst ? this.#file.headOf(answer, tail.appended) : null;
    const buffers = head === null ? write.buffers : [head, ...write.buffers];
    this.#file.write(buffers, head === null ? write.position : 0, (error) => {
      if (error !== null) this.#fail("write", error, "now");
      else {
        if (head !== null) this.#writtenAnswer = answer;
        tail.wrote(write);
        if (this.#phase < Phase.done) host.ring(host.drafts.setWritten(this.id, tail.written));
        this.#trim();
        this.#resume();
      }
      this.#stepDone();
    });
  }

  #writeHead(): void {
    const answer = this.#answer;
    const head = this.#file.headOf(answer, this.tail.appended);
    if (head === null) {
      this.#fail(null, null, "now");
      this.#stepDone();
      return;
    }
    this.#file.write([head], 0, (error) => {
      if (error !== null) this.#fail("write", error, "now");
      else this.#writtenAnswer = answer;
      this.#stepDone();
    });
  }

  /** The file has its name: it is in the index from now on, or goes. */
  #makeKnown(): void {
    const { host } = this;
    const { low, high } = this.#parts;
    const blocks = blocksOf(fileBytesOf(this.slotBytes, this.tail.appended));
    const answer = this.#answer;
    const entry = { low, high, blocks, usableUntil: usableUntilOf(answer) };
    const isKnown =
      this.isCommitting &&
      host.index.add(entry, this.room.blocks, this.room.victims, () => host.purges.judgeDraft(answer) === "valid");
    // It was validated while the file got its name.
    if (isKnown && this.#writtenAnswer !== answer) this.#parts.onOutdated(this);
    this.host.onWorking();
    if (isKnown) this.room.handOver();
    else host.unlink(this.#file.objectPath);
    if (this.#phase === Phase.committing) host.ring(host.drafts.finish(this.id, DraftState.complete));
    this.#phase = Phase.done;
  }

  /** Lets go of everything, if nobody needs it any more. */
  #endIfDone(): void {
    if (this.#isEnded || this.#isBusy || this.#phase < Phase.done || this.#hasStep()) return;
    this.room.give();
    if (!this.#readers.isEmpty) return;
    this.#isEnded = true;
    this.#file.close();
    this.#parts.onEnd(this);
  }
}
