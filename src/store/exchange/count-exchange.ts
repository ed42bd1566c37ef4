/**
 * Counts of rate limits that instances tell each other through a store which is too slow to be asked about each request.
 * Every instance decides by itself; once in a while it tells what it has admitted, and charges to its own buckets what
 * the others tell. So a limit holds over all instances on average, and is exceeded for a moment by what they admit before
 * they have heard of each other. While the store is away each counts alone.
 */
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import type { CountPlace } from "./count-place.ts";
import { readRounds, type Round, withRound, writeRounds } from "./counts-text.ts";

/** How often an instance tells what it has admitted. */
export const roundMs = 1_000;
/** In a round the keys with the highest counts are told, over all limits. */
const maxToldKeys = 500;

/** The counts of one limit in this instance. */
export interface LimitCounts {
  /** Takes away what was admitted since the last call. */
  collect(take: (key: string, count: number) => void): void;
  /** Counts what another instance has admitted. */
  charge(key: string, count: number): void;
  /** Whether the counts of all instances come together. */
  isExchanged: boolean;
}

/** What an exchange is made of. */
export interface CountExchangeParts {
  readonly place: CountPlace;
  /** Tells this instance apart from all others, earlier ones on this machine too. */
  readonly instance: string;
  readonly scheduler: Scheduler;
  /** The store cannot be asked, for the first time since it could; null: it can again. */
  readonly onOutage: (reason: string | null) => void;
}

/** Exchanges the counts of some limits. */
export class CountExchange {
  readonly #parts: CountExchangeParts;
  readonly #own: ReturnType<CountPlace["openText"]>;
  #limits: ReadonlyMap<string, LimitCounts> = new Map();
  /** The last round that was charged, by instance. */
  #seen = new Map<string, number>();
  #rounds: readonly Round[] = [];
  #lastNumber = 0;
  #call: ScheduledCall | null = null;
  /** What cannot be done; at the start nothing has been heard yet. */
  readonly #troubles = new Set<"hearing" | "telling">();
  #isHeard = false;
  #isClosed = false;

  constructor(parts: CountExchangeParts) {
    this.#parts = parts;
    this.#own = parts.place.openText(parts.instance, {
      onFailure: (reason) => this.#noteTrouble("telling", reason),
      onRecovery: () => this.#noteRecovery("telling"),
    });
    parts.place.follow({
      onTexts: (texts) => this.#take(texts),
      onAlive: () => this.#noteRecovery("hearing"),
      onFailure: (reason) => this.#noteTrouble("hearing", reason),
    });
    this.#call = parts.scheduler.after(roundMs, this.#onRound);
  }

  /** The limits whose counts are exchanged from now on, by names that are the same in all instances. */
  set limits(limits: ReadonlyMap<string, LimitCounts>) {
    this.#limits = limits;
    this.#tellLimits();
  }

  /** Takes away what this instance has told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#call?.cancel();
    await this.#own.close();
    this.#parts.place.close();
  }

  readonly #onRound = (): void => {
    this.#call = this.#parts.scheduler.after(roundMs, this.#onRound);
    const counts = this.#collect();
    if (counts.size === 0) return;
    this.#rounds = withRound(this.#rounds, { number: ++this.#lastNumber, counts });
    this.#own.write(writeRounds(this.#rounds));
  };

  #collect(): Map<string, Map<string, number>> {
    const all: { readonly limit: string; readonly key: string; readonly count: number }[] = [];
    for (const [limit, counts] of this.#limits) counts.collect((key, count) => all.push({ limit, key, count }));
    if (all.length > maxToldKeys) all.sort((one, other) => other.count - one.count);
    const collected = new Map<string, Map<string, number>>();
    for (const { limit, key, count } of all.slice(0, maxToldKeys)) {
      let keys = collected.get(limit);
      if (keys === undefined) collected.set(limit, (keys = new Map()));
      keys.set(key, count);
    }
    return collected;
  }

  #take(texts: ReadonlyMap<string, string>): void {
    if (this.#isClosed) return;
    this.#noteRecovery("hearing");
    const seen = new Map<string, number>();
    for (const [instance, text] of texts) {
      if (instance === this.#parts.instance) continue;
      const rounds = readRounds(text);
      const last = rounds?.at(-1);
      if (rounds === null || last === undefined) continue;
      // Of an instance that is heard for the first time, what it has admitted lately.
      const from = this.#seen.get(instance) ?? last.number - 1;
      for (const round of rounds) if (round.number > from) this.#charge(round);
      seen.set(instance, Math.max(from, last.number));
    }
    this.#seen = seen;
  }

  #charge({ counts }: Round): void {
    for (const [limit, keys] of counts) {
      const own = this.#limits.get(limit);
      if (own !== undefined) for (const [key, count] of keys) own.charge(key, count);
    }
  }

  #noteTrouble(trouble: "hearing" | "telling", reason: string): void {
    if (this.#isClosed) return;
    const wasWell = this.#troubles.size === 0;
    this.#troubles.add(trouble);
    this.#tellLimits();
    if (wasWell) this.#parts.onOutage(reason);
  }

  #noteRecovery(trouble: "hearing" | "telling"): void {
    if (trouble === "hearing") this.#isHeard = true;
    const wasIll = this.#troubles.delete(trouble);
    this.#tellLimits();
    if (wasIll && this.#troubles.size === 0) this.#parts.onOutage(null);
  }

  #tellLimits(): void {
    const isExchanged = this.#isHeard && this.#troubles.size === 0;
    for (const limit of this.#limits.values()) limit.isExchanged = isExchanged;
  }
}
