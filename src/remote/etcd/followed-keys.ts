/**
 * What is known of a range of keys that somebody follows: made from a list, kept by events, checked by a further list.
 *
 * A list and the events of a stream may overtake each other, and a server may tell old events again: of each key, the
 * later write counts, and of keys that went it is known when, until the next list. A list that is older than what was
 * known before it was asked for comes from a cluster that went back (it was restored, or is another one): it holds as it
 * is. So does the list of a cluster with another id.
 */
import type { EtcdEntry, EtcdList, EtcdObserver } from "./etcd.ts";
import type { KeyRange } from "./gateway-values.ts";
import type { EtcdEvent } from "./watch-stream.ts";

/** What the follower keeps of one range. */
export class FollowedKeys {
  readonly id: number;
  readonly range: KeyRange;
  readonly observer: EtcdObserver;
  /** When it is to be listed; 0 = as soon as may be. */
  listDueMs = 0;
  /** It has been listed, and can be watched from `revision` on. */
  isListed = false;
  /** All changes up to here are known. */
  revision = 0;
  cluster = "0";
  #entries = new Map<string, EtcdEntry>();
  /** Keys that went since the last list, and when. */
  #gone = new Map<string, number>();
  #bytes = 0;
  #isChanged = false;

  constructor(id: number, { range, observer }: { readonly range: KeyRange; readonly observer: EtcdObserver }) {
    this.id = id;
    this.range = range;
    this.observer = observer;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Of how many keys it is known that they went since the last list. */
  get goneCount(): number {
    return this.#gone.size;
  }

  /** How many bytes keys and values have together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a list. @param knownBefore `revision` as it was when the list was asked for */
  takeList(list: EtcdList, knownBefore: number): void {
    const revision = Number(list.revision);
    const isSameHistory = this.isListed && list.cluster === this.cluster && revision >= knownBefore;
    const next = new Map(list.entries.map((entry) => [entry.key, entry]));
    if (isSameHistory) this.#keepLater(next, revision);
    else this.#gone.clear();
    this.#isChanged ||= !this.isListed || !isSame(this.#entries, next);
    this.#entries = next;
    this.#bytes = 0;
    for (const entry of next.values()) this.#bytes += sizeOf(entry);
    this.revision = isSameHistory ? Math.max(this.revision, revision) : revision;
    this.cluster = list.cluster;
    this.isListed = true;
  }

  /** Takes changes that came together. */
  takeEvents(events: readonly EtcdEvent[]): void {
    for (const { isDelete, entry } of events) {
      const revision = Number(entry.modRevision);
      const known = this.#entries.get(entry.key);
      if (revision <= Math.max(Number(known?.modRevision ?? 0), this.#gone.get(entry.key) ?? 0)) continue;
      this.#bytes -= known === undefined ? 0 : sizeOf(known);
      if (isDelete) {
        if (this.#entries.delete(entry.key)) this.#isChanged = true;
        this.#gone.set(entry.key, revision);
      } else {
        this.#isChanged = true;
        this.#entries.set(entry.key, entry);
        this.#bytes += sizeOf(entry);
      }
      this.revision = Math.max(this.revision, revision);
    }
  }

  /** It has become too much: nothing more is taken or told before it has been listed again. */
  giveUp(): void {
    this.isListed = false;
    this.#entries = new Map();
    this.#gone.clear();
    this.#bytes = 0;
  }

  /** Has it changed since it was told? Then it is told now, as a copy. */
  tellChanges(): boolean {
    if (!this.#isChanged || !this.isListed) return false;
    this.observer.onEntries(new Map(this.#entries), String(this.revision));
    this.#isChanged = false;
    return true;
  }

  /** What events have told since the list was made holds. */
  #keepLater(next: Map<string, EtcdEntry>, listRevision: number): void {
    for (const [key, entry] of this.#entries) if (Number(entry.modRevision) > listRevision) next.set(key, entry);
    const gone = new Map<string, number>();
    for (const [key, revision] of this.#gone) {
      if (revision <= listRevision) continue;
      gone.set(key, revision);
      next.delete(key);
    }
    this.#gone = gone;
  }
}

function sizeOf({ key, value }: EtcdEntry): number {
  return key.length + value.length;
}

function isSame(one: ReadonlyMap<string, EtcdEntry>, other: ReadonlyMap<string, EtcdEntry>): boolean {
  if (one.size !== other.size) return false;
  for (const [key, entry] of one) {
    const twin = other.get(key);
    if (twin?.modRevision !== entry.modRevision || twin.value !== entry.value || twin.lease !== entry.lease)
      return false;
    if (twin.createRevision !== entry.createRevision) return false;
  }
  return true;
}
