/**
 * Purges that stores are not through with, in the control thread: it judges what a sweep finds as the log would, and
 * counts for each purge how many answers it concerned. An answer costs as many look-ups as it has tags.
 */
import type { Purge, PurgeableAnswer, PurgeVerdict } from "./purge.ts";

/** A purge, its number, and how many stored answers it concerned. */
export interface PendingPurge extends Purge {
  readonly sequence: number;
  found: number;
}

/** A stored answer, as a sweep shows it. */
export interface SweptAnswer extends PurgeableAnswer {
  /** Not null: it says which variants there are, and is no answer itself. */
  readonly variants: readonly unknown[] | null;
}

/** Some purges, in the order of their numbers. */
export class PendingPurges {
  readonly #byKind = {
    url: new Map<string, PendingPurge[]>(),
    prefix: new Map<string, PendingPurge[]>(),
    tag: new Map<string, PendingPurge[]>(),
    all: new Map<string, PendingPurge[]>(),
  };
  readonly #prefixLengths = new Set<number>();
  /** Of the answer that is looked at. */
  readonly #matched = new Set<PendingPurge>();

  constructor(purges: readonly PendingPurge[]) {
    for (const purge of purges) {
      const map = this.#byKind[purge.kind];
      const same = map.get(purge.value);
      if (same === undefined) map.set(purge.value, [purge]);
      else same.push(purge);
      if (purge.kind === "prefix") this.#prefixLengths.add(purge.value.length);
    }
  }

  /** Judges an answer, and counts it. A variants record has no freshness that it could lose. */
  judge(answer: SweptAnswer): PurgeVerdict {
    const { url, tags } = answer;
    const isRecord = answer.variants !== null;
    this.#matched.clear();
    this.#match(this.#byKind.all.get(""), answer);
    this.#match(this.#byKind.url.get(url), answer);
    if (this.#byKind.tag.size > 0) for (const tag of tags) this.#match(this.#byKind.tag.get(tag), answer);
    for (const length of this.#prefixLengths)
      if (length <= url.length) this.#match(this.#byKind.prefix.get(url.slice(0, length)), answer);
    let verdict: PurgeVerdict = "valid";
    for (const purge of this.#matched) {
      if (!isRecord) purge.found++;
      if (!purge.isSoft) verdict = "gone";
      else if (verdict === "valid" && !isRecord) verdict = "soft";
    }
    return verdict;
  }

  #match(purges: readonly PendingPurge[] | undefined, { purgeSequence }: SweptAnswer): void {
    if (purges !== undefined) for (const purge of purges) if (purge.sequence > purgeSequence) this.#matched.add(purge);
  }
}
