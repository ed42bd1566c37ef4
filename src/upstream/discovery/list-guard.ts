/**
 * The guard against answers that say too little. An etcd that comes back empty, an agent of Consul that restarts, a lost
 * permission: all look as if every endpoint were gone. So a list that leaves none, or less than half of what there was,
 * is not believed at once. How long it is held back is bounded by whoever asks: a guard without end keeps dead hosts.
 */
import type { ListedEndpoint } from "../endpoint-source.ts";

/** Judges the lists of one source, one after the other. */
export class ListGuard {
  readonly #holdMs: number;
  /** The most endpoints that there were within the last `holdMs`: many small steps down are a large one. */
  #peak = { count: 0, atMs: -Infinity };

  /** @param holdMs how far back a drop is seen; 0 = nothing is held back */
  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /**
   * Which endpoints of `current` are missing in `next` and shall stay for now: all of those that take traffic if too few
   * are left, else none. One that was going away already (weight 0) may go at any time.
   */
  keptBack(current: readonly ListedEndpoint[], next: readonly ListedEndpoint[], nowMs: number): ListedEndpoint[] {
    const left = countActive(next);
    if (this.#holdMs > 0) {
      const recent = nowMs - this.#peak.atMs <= this.#holdMs ? this.#peak.count : 0;
      const before = Math.max(recent, countActive(current));
      if (left === 0 || left < before / 2) {
        const urls = new Set(next.map(({ url }) => url));
        const missing = current.filter(({ url, weight }) => weight > 0 && !urls.has(url));
        if (missing.length > 0) return missing;
      }
    }
    if (left >= this.#peak.count || nowMs - this.#peak.atMs > this.#holdMs) this.#peak = { count: left, atMs: nowMs };
    return [];
  }

  /** A list was believed after all: what there was before it counts no more. */
  believe(list: readonly ListedEndpoint[], nowMs: number): void {
    this.#peak = { count: countActive(list), atMs: nowMs };
  }
}

function countActive(list: readonly ListedEndpoint[]): number {
  return list.reduce((count, { weight }) => count + (weight > 0 ? 1 : 0), 0);
}
