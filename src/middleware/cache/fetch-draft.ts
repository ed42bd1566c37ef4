/** The body of an answer on its way into a draft of the store, and what is done when it is whole. */
import type { Draft } from "../../cache/cache-store.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import { type StoredAnswer, withBodyBytes } from "../../http/cache/stored-answer.ts";
import type { Fields } from "../../http/fields.ts";
import type { CachedRoute } from "./cached-route.ts";
import { isNewest, withVariant } from "./variants-record.ts";

/** A draft, and where it belongs. */
export interface DraftPlace {
  readonly draft: Draft;
  readonly answer: StoredAnswer;
  readonly route: CachedRoute;
  readonly key: string;
  readonly primaryKey: string;
  /** What the answer was chosen by; empty = nothing, and `key` is `primaryKey`. */
  readonly varyNames: readonly string[];
  /** `InvalidationMarks.of(primaryKey)` from before it was asked for. */
  readonly invalidations: number;
}

/**
 * Why a draft is not stored: it is too large, or has trailers; the store has no room, or is away; it breaks off. Those
 * who read it get the rest, or break off as well.
 */
export type DraftLoss = "unstorable" | "no-room" | "broken";

/** Who is told how it ends. */
export interface DraftOwner {
  /** The store has it. */
  onStored(answer: StoredAnswer): void;
  /** It is not stored. */
  onLost(why: DraftLoss): void;
}

/** Writes one draft. It is stored only if its end has come as it was announced. */
export class DraftSink implements BodySink {
  readonly #place: DraftPlace;
  readonly #source: BodySource;
  readonly #owner: DraftOwner;
  #bytes = 0;
  #isFull = false;
  #isLost = false;

  constructor(place: DraftPlace, source: BodySource, owner: DraftOwner) {
    this.#place = place;
    this.#source = source;
    this.#owner = owner;
    const { draft } = place;
    draft.onWritable = () => {
      this.#isFull = false;
      this.#source.resume();
    };
    draft.onDeserted = () => this.#source.stop("CLIENT_GONE");
    draft.onFailure = () => {
      this.#isLost = true;
      this.#owner.onLost(this.#bytes > place.route.maxObjectBytes ? "unstorable" : "no-room");
    };
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (!this.#place.draft.append(chunk)) this.#isFull = true;
  }

  /** The draft has copied the chunks, but they are not worth giving back while it is full. */
  flush(): boolean {
    return !this.#isFull;
  }

  end(trailers: Fields | null): boolean {
    const { draft, answer, route, key, primaryKey, invalidations } = this.#place;
    if (answer.bodyBytes !== null && answer.bodyBytes !== this.#bytes) {
      this.abort();
      return true;
    }
    const whole = withBodyBytes(answer, this.#bytes);
    draft.commit(whole);
    if (this.#isLost) return true;
    // Trailers that nobody has announced are not for others, and they are not in what is stored. An unsafe request that
    // came meanwhile has found nothing to remove.
    const isInvalid = route.parts.invalidations.of(primaryKey) !== invalidations;
    if (trailers !== null || isInvalid || this.#bytes > route.maxObjectBytes) {
      route.store.remove(key);
      this.#owner.onLost(isInvalid ? "broken" : "unstorable");
    } else this.#remember(whole);
    return true;
  }

  abort(): void {
    this.#place.draft.abort();
    if (!this.#isLost) this.#owner.onLost("broken");
  }

  /** Of what has variants the record is brought up to date before anybody looks for it. */
  #remember(answer: StoredAnswer): void {
    const { route, primaryKey, varyNames: names, key, invalidations } = this.#place;
    if (names.length === 0) return this.#owner.onStored(answer);
    const { store, parts } = route;
    const { floor } = parts.purges;
    store.find(primaryKey, (found) => {
      const before = found !== null && parts.purges.judgeFound(found.answer, floor) !== "gone" ? found.answer : null;
      found?.release();
      const isCovered = isNewest(before, { names, key }) && before!.freshUntilMs >= answer.freshUntilMs;
      if (!isCovered) {
        const record = withVariant(before, { names, key, answer });
        store.create(primaryKey, record)?.commit(record);
      }
      // An unsafe request that came meanwhile has removed the record of before, and this one names what it has made invalid.
      if (parts.invalidations.of(primaryKey) === invalidations) return this.#owner.onStored(answer);
      store.remove(primaryKey);
      this.#owner.onLost("broken");
    });
  }
}
