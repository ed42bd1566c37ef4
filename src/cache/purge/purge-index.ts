/**
 * The purges that a thread knows of, so that an answer is judged by as many look-ups as it has tags, however many
 * purges there were. It holds what the purge log holds and forgets with it, which bounds it.
 */
import type { Purge, PurgeableAnswer, PurgeVerdict } from "./purge.ts";

/** The numbers of the last purges of one thing; 0 = none. */
interface LastPurges {
  hard: number;
  soft: number;
}

interface KnownPurge extends Purge {
  readonly sequence: number;
}

/** One thread's own index of a purge log. */
export class PurgeIndex {
  readonly #urls = new Map<string, LastPurges>();
  readonly #prefixes = new Map<string, LastPurges>();
  readonly #tags = new Map<string, LastPurges>();
  readonly #all = new Map<string, LastPurges>();
  /** How many of the prefixes have a length: an answer is asked once for each length, not for each prefix. */
  readonly #prefixLengths = new Map<number, number>();
  /** In the order of their numbers; those before `#first` are forgotten. */
  #known: KnownPurge[] = [];
  #first = 0;

  /** How many purges it knows. */
  get size(): number {
    return this.#known.length - this.#first;
  }

  /** Adds a purge, whose number is above all before. */
  add(purge: Purge, sequence: number): void {
    const map = this.#mapOf(purge);
    let last = map.get(purge.value);
    if (last === undefined) {
      last = { hard: 0, soft: 0 };
      map.set(purge.value, last);
      if (purge.kind === "prefix") this.#countPrefixLength(purge.value.length, 1);
    }
    if (purge.isSoft) last.soft = sequence;
    else last.hard = sequence;
    this.#known.push({ ...purge, sequence });
  }

  /** Forgets all purges with numbers below `sequence`. */
  forgetBefore(sequence: number): void {
    const known = this.#known;
    let first = this.#first;
    for (; first < known.length && known[first]!.sequence < sequence; first++) this.#forget(known[first]!, sequence);
    this.#first = first;
    if (first * 2 < known.length) return;
    this.#known = known.slice(first);
    this.#first = 0;
  }

  #forget(purge: KnownPurge, sequence: number): void {
    const map = this.#mapOf(purge);
    const last = map.get(purge.value);
    if (last === undefined || last.hard >= sequence || last.soft >= sequence) return;
    map.delete(purge.value);
    if (purge.kind === "prefix") this.#countPrefixLength(purge.value.length, -1);
  }

  /** Judges `answer` by the purges with numbers above `base`. */
  judge(answer: PurgeableAnswer, base: number): PurgeVerdict {
    let isSoft = false;
    const all = this.#all.get("");
    if (all !== undefined) {
      if (all.hard > base) return "gone";
      if (all.soft > base) isSoft = true;
    }
    const { url, tags } = answer;
    const ofUrl = this.#urls.size === 0 ? undefined : this.#urls.get(url);
    if (ofUrl !== undefined) {
      if (ofUrl.hard > base) return "gone";
      if (ofUrl.soft > base) isSoft = true;
    }
    if (this.#tags.size > 0)
      for (const tag of tags) {
        const ofTag = this.#tags.get(tag);
        if (ofTag === undefined) continue;
        if (ofTag.hard > base) return "gone";
        if (ofTag.soft > base) isSoft = true;
      }
    for (const length of this.#prefixLengths.keys()) {
      if (length > url.length) continue;
      const ofPrefix = this.#prefixes.get(url.slice(0, length));
      if (ofPrefix === undefined) continue;
      if (ofPrefix.hard > base) return "gone";
      if (ofPrefix.soft > base) isSoft = true;
    }
    return isSoft ? "soft" : "valid";
  }

  #mapOf({ kind }: Purge): Map<string, LastPurges> {
    switch (kind) {
      case "url":
        return this.#urls;
      case "prefix":
        return this.#prefixes;
      case "tag":
        return this.#tags;
      case "all":
        return this.#all;
    }
  }

  #countPrefixLength(length: number, change: 1 | -1): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + change;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}
