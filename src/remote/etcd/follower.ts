/**
 * Follows any number of ranges of one cluster over one stream: lists each, then watches all from the revisions of the
 * lists on, at the member that is asked at the time.
 *
 * - *One stream* for all who follow: a thousand upstreams are one connection. Who comes or goes makes it a new stream
 *   that goes on where the old one was; nothing is lost between them.
 * - *A member that dies* ends the stream; one that is frozen or cut off does not. So it is asked every two seconds, for
 *   an answer that needs a leader; if it fails, another member is taken.
 * - *Compaction*: what cannot be watched from where we were is listed again. The revision goes on with what etcd tells of
 *   quiet ranges every ten minutes, at times of its own (an answer to a request for it may overtake events).
 * - *A lost event* would never be noticed: each range is listed every five minutes, and what differs is told.
 * - *A cluster that went back* (restored, or with an empty disk) is at a lower revision, or has another id: its keys are
 *   listed, and what it says holds.
 * - Every pause is random from the first on, also when the service answers and closes at once.
 */
import type { RandomSource } from "../../base/random.ts";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { BackOff } from "../back-off.ts";
import { RemoteError } from "../http-client.ts";
import { type EtcdFollowing, type EtcdObserver, type EtcdScope, maxEntries, maxListBytes } from "./etcd.ts";
import { type EtcdMembers, isFaultOfMember, isForgottenLogin } from "./etcd-members.ts";
import { FollowedKeys } from "./followed-keys.ts";
import { asObject, readInteger, toKeyRange } from "./gateway-values.ts";
import { listKeys } from "./list-keys.ts";
import { type WatchSink, WatchStream } from "./watch-stream.ts";

/** How often a member with a stream is asked whether it is still one of the cluster. */
const probeMs = 2_000;
/** Each range is listed so often, whatever the stream says; by chance a fifth more or less. */
const relistMs = 5 * 60_000;
/** Whoever begins or ends to follow is waited for so long: others may come with it. */
const gatherMs = 10;
/** Changes are told so long after the first of them: of many writes, all at once. */
const settleMs = 20;
const maxListsAtOnce = 8;
const pauses = { firstMs: 300, longestMs: 5_000, leastMs: 20 };

/** What it is made of. */
export interface FollowerParts {
  readonly members: EtcdMembers;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
}

/** All who follow keys of one cluster. */
export class EtcdFollower {
  readonly #parts: FollowerParts;
  readonly #followed = new Map<number, FollowedKeys>();
  readonly #ownPauses = new Map<FollowedKeys, BackOff>();
  readonly #backOff: BackOff;
  #lastId = 0;
  #stream: WatchStream | null = null;
  /** The ids that the stream watches, or did. */
  #watched = new Set<number>();
  #isStreamStale = false;
  #resumeMs = 0;
  #probeDueMs = 0;
  #step: ScheduledCall | null = null;
  #stepDueMs = Infinity;
  #settling: ScheduledCall | null = null;
  #isWorking = false;
  #isClosed = false;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#backOff = new BackOff({ ...pauses, random: parts.random });
  }

  /** As `EtcdClient.follow`. */
  follow(prefix: string, observer: EtcdObserver, { isKey = false }: EtcdScope = {}): EtcdFollowing {
    const keys = new FollowedKeys(++this.#lastId, { range: toKeyRange(prefix, isKey), observer });
    this.#followed.set(keys.id, keys);
    this.#wakeIn(gatherMs);
    return {
      close: () => {
        if (!this.#followed.delete(keys.id)) return;
        this.#ownPauses.delete(keys);
        if (this.#watched.has(keys.id)) this.#isStreamStale = true;
        this.#wakeIn(gatherMs);
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#followed.clear();
    this.#closeStream();
    this.#step?.cancel();
    this.#settling?.cancel();
  }

  #now(): number {
    return this.#parts.scheduler.clock.now();
  }

  /** Has the next step come within `delayMs`. */
  #wakeIn(delayMs: number): void {
    const dueMs = this.#now() + Math.max(0, delayMs);
    if (this.#isClosed || (this.#step !== null && this.#stepDueMs <= dueMs)) return;
    this.#step?.cancel();
    this.#stepDueMs = dueMs;
    this.#step = this.#parts.scheduler.after(Math.max(0, delayMs), () => {
      this.#step = null;
      void this.#work();
    });
  }

  /** One step after the other, never two at a time: what comes meanwhile is seen at its end. */
  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      await this.#doStep();
    } catch (error) {
      this.#failAll(error);
    }
    this.#isWorking = false;
    if (this.#isClosed) return;
    const dueMs = this.#nextDueMs();
    if (dueMs < Infinity) this.#wakeIn(dueMs - this.#now());
  }

  async #doStep(): Promise<void> {
    if (this.#followed.size === 0) return this.#closeStream();
    if (this.#now() < this.#resumeMs) return;
    await this.#listDue();
    if (this.#isClosed) return;
    const isProbeDue = this.#stream !== null && this.#now() >= this.#probeDueMs;
    if (isProbeDue) await this.#probe();
    if (this.#isClosed || this.#now() < this.#resumeMs) return;
    if (this.#stream === null || this.#isStreamStale) this.#openStream();
  }

  #nextDueMs(): number {
    if (this.#followed.size === 0) return this.#stream === null ? Infinity : this.#now();
    let dueMs = this.#stream === null ? Infinity : this.#probeDueMs;
    for (const keys of this.#followed.values()) dueMs = Math.min(dueMs, keys.listDueMs);
    const needsStream = this.#isStreamStale || (this.#stream === null && this.#watchable().length > 0);
    if (needsStream) dueMs = this.#now();
    return Math.max(dueMs, this.#resumeMs);
  }

  async #listDue(): Promise<void> {
    const due = [...this.#followed.values()].filter(({ listDueMs }) => listDueMs <= this.#now());
    for (let at = 0; at < due.length && !this.#isClosed; at += maxListsAtOnce)
      await Promise.all(due.slice(at, at + maxListsAtOnce).map((keys) => this.#list(keys)));
  }

  /** @throws RemoteError if no member can be asked */
  async #list(keys: FollowedKeys): Promise<void> {
    const knownBefore = keys.revision;
    const clusterBefore = keys.cluster;
    const wasListed = keys.isListed;
    try {
      const list = await listKeys(this.#parts.members, keys.range);
      if (!this.#followed.has(keys.id)) return;
      keys.takeList(list, knownBefore);
    } catch (error) {
      if (!(error instanceof RemoteError) || isFaultOfMember(error)) throw error;
      return this.#failOne(keys, error.message);
    }
    this.#ownPauses.get(keys)?.reset();
    keys.listDueMs = this.#now() + relistMs * (0.8 + 0.4 * this.#parts.random());
    const isContinued = wasListed && clusterBefore === keys.cluster && keys.revision >= knownBefore;
    if (!isContinued || !this.#watched.has(keys.id)) this.#isStreamStale = true;
    if (!this.#tellChanges(keys)) keys.observer.onAlive();
  }

  #watchable(): FollowedKeys[] {
    return [...this.#followed.values()].filter(({ isListed }) => isListed);
  }

  /** One that goes on where the last one was, with all that have been listed. */
  #openStream(): void {
    this.#closeStream();
    const watchable = this.#watchable();
    this.#isStreamStale = false;
    this.#watched = new Set(watchable.map(({ id }) => id));
    if (watchable.length === 0) return;
    const watches = watchable.map(({ id, range, revision }) => ({ id, range, startRevision: revision + 1 }));
    this.#probeDueMs = this.#now() + probeMs * (0.5 + 0.5 * this.#parts.random());
    const stream = new WatchStream({
      members: this.#parts.members,
      watches,
      sink: this.#sink(() => this.#stream === stream),
      after: (delayMs, run) => this.#parts.scheduler.after(delayMs, run),
    });
    this.#stream = stream;
  }

  #closeStream(): void {
    this.#stream?.close();
    this.#stream = null;
    this.#watched.clear();
  }

  #sink(isCurrent: () => boolean): WatchSink {
    return {
      onCreated: (id, header) => {
        const keys = this.#followed.get(id);
        if (keys === undefined) return;
        // A member may lag. A list does not.
        if (header.cluster !== keys.cluster || header.revision < keys.revision) this.#relist(keys);
        else keys.observer.onAlive();
      },
      onProgress: (id, { revision }) => {
        const keys = this.#followed.get(id);
        if (keys !== undefined && keys.isListed) keys.revision = Math.max(keys.revision, revision);
      },
      onEvents: (id, events) => {
        const keys = this.#followed.get(id);
        if (keys === undefined || !keys.isListed) return;
        keys.takeEvents(events);
        if (keys.size > maxEntries || keys.bytes > maxListBytes) {
          keys.giveUp();
          this.#isStreamStale = true;
          this.#relist(keys);
        } else if (keys.goneCount > maxEntries) this.#relist(keys); // Then they need not be known any more.
        this.#settling ??= this.#parts.scheduler.after(settleMs, () => this.#tell());
      },
      onCancel: (id, isCompacted, refusal) => {
        const keys = this.#followed.get(id);
        this.#watched.delete(id);
        if (keys === undefined) return;
        if (isCompacted || isForgottenLogin(refusal)) this.#relist(keys);
        else this.#failOne(keys, `the watch was refused: ${refusal.message}`);
      },
      onEnd: (error) => {
        if (!isCurrent()) return;
        const { url } = this.#stream!;
        this.#closeStream();
        // What cannot be read of a stream would come again: a list is smaller, and is bounded.
        if (error.kind === "malformed") for (const keys of this.#followed.values()) this.#relist(keys);
        this.#parts.members.moveOn(url);
        this.#failAll(error);
      },
    };
  }

  #tell(): void {
    this.#settling = null;
    for (const keys of this.#followed.values()) this.#tellChanges(keys);
  }

  /** Whatever goes wrong with it is the failure of this one, and not of the others or of the process. */
  #tellChanges(keys: FollowedKeys): boolean {
    try {
      return keys.tellChanges();
    } catch (error) {
      this.#failOne(keys, messageOf(error));
      return true;
    }
  }

  /** Is the member that has the stream still one of a cluster that has a leader? */
  async #probe(): Promise<void> {
    const stream = this.#stream;
    const [any] = this.#watchable();
    this.#probeDueMs = this.#now() + probeMs * (0.9 + 0.2 * this.#parts.random());
    if (stream === null || any === undefined) return;
    // An event may come before the answer.
    const knownBefore = this.#watchable().reduce((latest, { revision }) => Math.max(latest, revision), 0);
    try {
      const body = { key: any.range.key, keys_only: true, limit: "1" };
      const answer = await this.#parts.members.askMember(stream.url, { path: "kv/range", body });
      if (this.#stream !== stream) return;
      this.#backOff.reset();
      const header = asObject(answer["header"]);
      const isBack = Number(readInteger(header["revision"])) < knownBefore;
      for (const keys of this.#watchable())
        if (isBack || readInteger(header["cluster_id"]) !== keys.cluster) this.#relist(keys);
        else keys.observer.onAlive();
    } catch (error) {
      if (this.#stream !== stream) return;
      // A token that was forgotten says nothing of the member.
      if (error instanceof RemoteError && !isFaultOfMember(error)) return;
      this.#closeStream();
      this.#parts.members.moveOn(stream.url);
      this.#failAll(error);
    }
  }

  /** What is known may not go on to what is there: it is listed before it is watched again. */
  #relist(keys: FollowedKeys): void {
    keys.listDueMs = Math.min(keys.listDueMs, this.#now() + this.#pauseOf(keys).next());
    this.#wakeIn(keys.listDueMs - this.#now());
  }

  /** This range cannot be listed or watched, whoever is asked. */
  #failOne(keys: FollowedKeys, reason: string): void {
    keys.listDueMs = this.#now() + this.#pauseOf(keys).next();
    this.#wakeIn(keys.listDueMs - this.#now());
    keys.observer.onFailure(reason);
  }

  /** A member failed. It is said when all have failed. */
  #failAll(error: unknown): void {
    if (this.#isClosed) return;
    const reason = messageOf(error);
    this.#resumeMs = this.#now() + this.#backOff.next();
    this.#wakeIn(this.#resumeMs - this.#now());
    const isSaid = this.#backOff.failures > this.#parts.members.count || this.#watchable().length === 0;
    if (isSaid) for (const keys of this.#followed.values()) keys.observer.onFailure(reason);
  }

  #pauseOf(keys: FollowedKeys): BackOff {
    let pause = this.#ownPauses.get(keys);
    if (pause === undefined) {
      pause = new BackOff({ ...pauses, random: this.#parts.random });
      this.#ownPauses.set(keys, pause);
    }
    return pause;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
