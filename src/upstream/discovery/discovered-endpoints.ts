/**
 * The endpoints of an upstream with `discovery`: those that are written in the configuration, and what the source says.
 * The same for every kind of source:
 *
 * - What the source said last holds while it cannot be reached. At a start that is the list that was kept in a file, which
 *   never outranks what the source says.
 * - A list that leaves too little is held back for a while (`list-guard.ts`); endpoints that come are taken at once.
 * - The same list again, in whatever order, is no change; changes that come in a burst are told as one.
 */
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import type { Logger } from "../../observe/logger.ts";
import type { WarningSink } from "../../observe/repeated-warning.ts";
import { type EndpointSource, isSameList, type ListedEndpoint, withUniqueUrls } from "../endpoint-source.ts";
import { type Discovery, type DiscoverySnapshot, maxDiscoveredEndpoints } from "./discovery.ts";
import type { KeptList, LastGood } from "./last-good-file.ts";
import { ListGuard } from "./list-guard.ts";
import { DiscoveryRecord, type DiscoveryReport } from "./discovery-record.ts";

/** A change is told when nothing further has come for so long, */
const settleMs = 20;
/** and at the latest so long after it came. */
const maxSettleMs = 100;

/** What discovered endpoints are made of. */
export interface DiscoveredEndpointsParts {
  readonly upstream: string;
  /** In the configuration: always part of the list. */
  readonly written: readonly ListedEndpoint[];
  readonly discovery: Discovery;
  readonly kind: string;
  /** What is followed, for people, without secrets. */
  readonly description: string;
  /** How long a list that leaves too little is held back. */
  readonly holdMs: number;
  /** How long the first list is waited for. */
  readonly startTimeoutMs: number;
  /** The list of a source before this one that followed the same; default: null, it is read from `lastGood`. */
  readonly kept?: KeptList | null;
  /** Null = nothing is kept. */
  readonly lastGood: LastGood | null;
  /** Why an endpoint with this URL cannot serve the upstream, as a sentence, or null. */
  readonly refuse: (url: string) => string | null;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly warnings: WarningSink;
}

/** An endpoint source over a discovery. It begins when it is made. */
export class DiscoveredEndpoints implements EndpointSource {
  /** Settles when the first list is there, or is waited for no longer. */
  readonly ready: Promise<void>;
  readonly #parts: DiscoveredEndpointsParts;
  readonly #guard: ListGuard;
  readonly #record: DiscoveryRecord;
  readonly #ready = Promise.withResolvers<void>();
  #endpoints: readonly ListedEndpoint[];
  #cause = "the configuration";
  /** What the source says, as far as it is believed; null = nothing yet. */
  #discovered: readonly ListedEndpoint[] | null = null;
  #isRestored = false;
  /** The last good list is being read; nothing but a doubtful answer that lists nothing waits for it. */
  #isReading = false;
  #early: DiscoverySnapshot | null = null;
  /** The list that is held back, what there was before it, and the end of it. */
  #held: {
    snapshot: DiscoverySnapshot;
    list: readonly ListedEndpoint[];
    readonly before: readonly ListedEndpoint[];
    end: ScheduledCall;
  } | null = null;
  /** Null before it belongs to the running configuration. */
  #onChange: (() => void) | null = null;
  #settling: { readonly sinceMs: number; call: ScheduledCall } | null = null;
  #patience: ScheduledCall | null;
  #isClosed = false;

  constructor(parts: DiscoveredEndpointsParts) {
    this.#parts = parts;
    this.ready = this.#ready.promise;
    this.#endpoints = parts.written;
    this.#guard = new ListGuard(parts.holdMs);
    this.#record = new DiscoveryRecord(parts);
    this.#patience = parts.scheduler.after(parts.startTimeoutMs, () => this.#stopWaiting());
    if (parts.kept != null) this.#restore(parts.kept);
    else if (parts.lastGood !== null) {
      this.#isReading = true;
      void parts.lastGood.read().then((kept) => this.#endReading(kept));
    }
    parts.discovery.start({
      onSnapshot: (snapshot) => this.#take(snapshot),
      onAlive: () => this.#onAlive(),
      onFailure: (reason) => this.#onFailure(reason),
    });
  }

  get endpoints(): readonly ListedEndpoint[] {
    return this.#endpoints;
  }

  get cause(): string {
    return this.#cause;
  }

  /** What the source said last, and when; null if it never said anything. */
  get lastList(): KeptList | null {
    const savedWallMs = this.#record.lastSuccessWallMs;
    return this.#discovered === null || savedWallMs === null ? null : { endpoints: this.#discovered, savedWallMs };
  }

  /** From now on it belongs to the running configuration: its list is the one to keep. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
    this.#keep();
  }

  /** How it fares, for status and metrics. */
  report(): DiscoveryReport {
    return this.#record.report({
      endpoints: this.#discovered?.length ?? 0,
      isRestored: this.#isRestored,
      hasList: this.#discovered !== null,
      heldBack: this.#held === null ? 0 : this.#discovered!.length - this.#held.list.length,
    });
  }

  /** Ends it, and writes what is to be kept. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.discovery.close();
    this.#held?.end.cancel();
    this.#settling?.call.cancel();
    this.#endWaiting();
    this.#record.close();
    await this.#parts.lastGood?.close();
  }

  /** There is nothing more to wait for: what waited is judged by what was read. */
  #endReading(kept: KeptList | null): void {
    this.#restore(kept);
    this.#isReading = false;
    const early = this.#early;
    this.#early = null;
    if (early !== null) this.#take(early);
  }

  #restore(kept: KeptList | null): void {
    if (kept === null || this.#isClosed || this.#discovered !== null) return;
    const { list } = this.#fitting(kept.endpoints);
    this.#discovered = list;
    this.#isRestored = true;
    this.#record.noteRestored(kept.savedWallMs, list.length);
    this.#merge(`the last good list, of ${new Date(kept.savedWallMs).toISOString()}`);
  }

  #take(snapshot: DiscoverySnapshot): void {
    if (this.#isClosed) return;
    const isDoubtful = !snapshot.isCertain && snapshot.endpoints.length === 0;
    this.#early = this.#isReading && this.#discovered === null && isDoubtful ? snapshot : null;
    if (this.#early !== null) return;
    const { list, refused } = this.#fitting(snapshot.endpoints);
    this.#record.noteAnswer(snapshot.version, [...snapshot.refused, ...refused]);
    const nowMs = this.#parts.scheduler.clock.now();
    // What came and went while something is held back is not kept: a source that never says the same would pile it up.
    const current = this.#held?.before ?? this.#discovered ?? [];
    // A kept list must not pin what the source does not have; that the source has nothing is doubted all the same.
    const isBelieved = snapshot.isCertain || (this.#isRestored && list.length > 0);
    const keptBack = isBelieved ? [] : this.#guard.keptBack(current, list, nowMs);
    if (keptBack.length > 0) this.#hold(snapshot, list, keptBack);
    else {
      this.#endHold(isBelieved ? "the source is certain" : "the source has them again");
      if (isBelieved) this.#guard.believe(list, nowMs);
      this.#accept(list, this.#causeOf(snapshot));
    }
  }

  #hold(snapshot: DiscoverySnapshot, list: readonly ListedEndpoint[], keptBack: readonly ListedEndpoint[]): void {
    if (this.#held === null) {
      const end = this.#parts.scheduler.after(this.#parts.holdMs, () => this.#believeHeld());
      this.#held = { snapshot, list, before: this.#discovered ?? [], end };
      this.#record.noteHold(list.length, keptBack.length, this.#parts.holdMs);
    } else {
      this.#held.snapshot = snapshot;
      this.#held.list = list;
      this.#record.noteHeld();
    }
    this.#accept([...list, ...keptBack], `${this.#causeOf(snapshot)}, with ${keptBack.length} that it no longer has`);
  }

  #believeHeld(): void {
    const held = this.#held;
    if (held === null) return;
    if (!this.#record.isUp) {
      // It has gone away since: what it said then is not confirmed.
      held.end = this.#parts.scheduler.after(this.#parts.holdMs, () => this.#believeHeld());
      return;
    }
    this.#held = null;
    this.#guard.believe(held.list, this.#parts.scheduler.clock.now());
    this.#record.noteBelieved(held.list.length);
    this.#accept(held.list, `${this.#causeOf(held.snapshot)}, which it has said for ${this.#parts.holdMs / 1000} s`);
  }

  #endHold(why: string): void {
    if (this.#held === null) return;
    this.#held.end.cancel();
    this.#held = null;
    this.#record.noteHoldEnded(why);
  }

  #accept(list: readonly ListedEndpoint[], cause: string): void {
    const isFirst = this.#discovered === null;
    const isSame = !isFirst && isSameList(list, this.#discovered!);
    if (!isSame) this.#discovered = list;
    const wasRestored = this.#isRestored;
    this.#isRestored = false;
    if (this.#held === null) {
      if (isSame) this.#record.noteUnchanged();
      else this.#record.noteChange();
      this.#keep();
    }
    if (isFirst || wasRestored) this.#record.noteFirst(list.length);
    if (!isSame) this.#merge(cause);
    this.#endWaiting();
  }

  /** Endpoints that are written stand first; what is discovered under the same URL says nothing new about them. */
  #merge(cause: string): void {
    const next = withUniqueUrls([...this.#parts.written, ...(this.#discovered ?? [])]);
    if (isSameList(next, this.#endpoints)) return;
    this.#endpoints = next;
    this.#cause = cause;
    const { clock } = this.#parts.scheduler;
    const sinceMs = this.#settling?.sinceMs ?? clock.now();
    this.#settling?.call.cancel();
    const delayMs = Math.max(0, Math.min(settleMs, sinceMs + maxSettleMs - clock.now()));
    const call = this.#parts.scheduler.after(delayMs, () => {
      this.#settling = null;
      this.#onChange?.();
    });
    this.#settling = { sinceMs, call };
  }

  #fitting(endpoints: readonly ListedEndpoint[]): { list: readonly ListedEndpoint[]; refused: string[] } {
    const refused: string[] = [];
    const fitting = endpoints.filter(({ url }) => {
      const why = this.#parts.refuse(url);
      if (why !== null) refused.push(why);
      return why === null;
    });
    const list = withUniqueUrls(fitting);
    if (list.length <= maxDiscoveredEndpoints) return { list, refused };
    refused.push(`there are ${list.length} endpoints; the first ${maxDiscoveredEndpoints} are taken`);
    return { list: list.slice(0, maxDiscoveredEndpoints), refused };
  }

  #onAlive(): void {
    if (this.#isClosed) return;
    this.#record.noteAlive();
    this.#record.noteUnchanged();
    this.#keep();
  }

  /**
   * Has the list written if the source says it. Not before the configuration runs: the file may be that of the source
   * which it would replace, and if the configuration is refused, that one goes on.
   */
  #keep(): void {
    if (this.#onChange === null || this.#discovered === null || this.#held !== null || this.#isRestored) return;
    this.#parts.lastGood?.note(this.#discovered);
  }

  #onFailure(reason: string): void {
    if (!this.#isClosed) this.#record.noteFailure(reason, this.#endpoints.length);
  }

  #stopWaiting(): void {
    this.#patience = null;
    // A disk that hangs holds nothing up any longer.
    if (this.#early !== null) return this.#endReading(null);
    this.#isReading = false;
    this.#record.noteLate(this.#parts.startTimeoutMs, this.#endpoints.length);
    this.#ready.resolve();
  }

  #endWaiting(): void {
    this.#patience?.cancel();
    this.#patience = null;
    this.#ready.resolve();
  }

  #causeOf({ version }: DiscoverySnapshot): string {
    return this.#parts.description + (version === null ? "" : ` at ${version}`);
  }
}
