/**
 * Looks a request up: under its primary key stands the answer, or a record of the variants that there are of it (Vary);
 * then under the key of each variant that fits. The first one that may be used as it is answers. If none may, the one
 * that was found first is validated: a variant that has expired hides none that lives.
 */
import type { StoredBody } from "../../cache/cache-store.ts";
import type { CacheDirectives } from "../../http/cache/cache-control.ts";
import type { ForwardReason } from "../../http/cache/cache-status.ts";
import { type StoredAnswer, staleFrom } from "../../http/cache/stored-answer.ts";
import { judgeUse, type Use } from "../../http/cache/use.ts";
import type { Exchange } from "../../http/exchange.ts";
import { Fields } from "../../http/fields.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { RouteHandler } from "../middleware.ts";
import { Hold, passOn } from "../pass-on.ts";
import { answerFromStore } from "./answer-from-store.ts";
import type { CachedRoute } from "./cached-route.ts";
import { fetchAnswer, revalidateBehind } from "./fetch.ts";
import { toFillRequest } from "./fill-request.ts";
import { type HowServed, servedFresh, servedStale } from "./how-served.ts";
import type { Miss } from "./miss.ts";
import { passBy } from "./pass-by.ts";
import type { RequestFacts } from "./request-facts.ts";

/** What is looked up. */
export interface LookUpParts {
  readonly exchange: Exchange;
  readonly next: RouteHandler;
  readonly route: CachedRoute;
  readonly facts: RequestFacts;
  readonly primaryKey: string;
  /** Path and query of a request that fills the cache. */
  readonly target: string;
}

/** Looks a request up and answers it, from the cache or by fetching. */
export function lookUp(parts: LookUpParts): void {
  new LookUp(parts).run();
}

/** One look-up. */
class LookUp implements Omit<Miss, "outgoing"> {
  readonly exchange: Exchange;
  readonly next: RouteHandler;
  readonly route: CachedRoute;
  readonly facts: RequestFacts;
  readonly primaryKey: string;
  readonly directives: CacheDirectives;
  readonly finishedCount: number;
  /** The last purge that the store was through with when the look-up began. */
  readonly purgeFloor: number;
  readonly #target: string;
  forward: ForwardReason = "uri-miss";
  /** Null until something has to be fetched. */
  outgoing: OutgoingRequest | null = null;
  /** What may be validated, and the key under which it is. */
  stale: StoredBody | null = null;
  staleKey = "";
  /** What is done with it if nothing better is found. */
  #staleUse: Use = "unusable";
  /** The key that is looked up at this moment. */
  #key: string;
  /** Where an answer would stand that is chosen as the last one was. */
  #newestKey: string;
  /** Where variants are that fit. */
  #variantKeys: string[] = [];
  /** Null until somebody asks: a hit does not. */
  #invalidations: number | null = null;
  #hold: Hold | null = null;
  #isDecided = false;

  constructor({ exchange, next, route, facts, primaryKey, target }: LookUpParts) {
    this.exchange = exchange;
    this.next = next;
    this.route = route;
    this.facts = facts;
    this.primaryKey = primaryKey;
    this.directives = route.directivesOf(facts);
    this.finishedCount = route.parts.fills.finishedCount;
    this.purgeFloor = route.parts.purges.floor;
    this.#target = target;
    this.#key = primaryKey;
    this.#newestKey = primaryKey;
  }

  get invalidations(): number {
    if (this.#invalidations === null) this.#invalidations = this.route.parts.invalidations.of(this.primaryKey);
    return this.#invalidations;
  }

  get fillKey(): string {
    return this.stale === null ? this.#newestKey : this.staleKey;
  }

  run(): void {
    this.route.store.find(this.primaryKey, this.#onPrimary);
    // A store in memory has answered by now.
    if (!this.#isDecided) this.#hold = new Hold(this.exchange, () => this.stale?.release());
  }

  readonly #onPrimary = (found: StoredBody | null): void => {
    const variants = found?.answer.variants ?? null;
    if (found === null || variants === null) return this.#take(found);
    if (this.#verdictOf(found.answer) !== "gone")
      for (const { names, keys } of variants) {
        const key = this.route.variantKeyOf(this.exchange, this.primaryKey, names);
        if (this.#newestKey === this.primaryKey) this.#newestKey = key;
        if (keys.includes(key)) this.#variantKeys.push(key);
      }
    found.release();
    this.forward = "vary-miss";
    this.#findNext();
  };

  #findNext(): void {
    const key = this.#variantKeys.shift();
    if (key === undefined || this.#hold?.isGone === true) return this.#decide(null, this.#staleUse);
    this.#key = key;
    this.route.store.find(key, this.#onVariant);
  }

  readonly #onVariant = (found: StoredBody | null): void => this.#take(found);

  /** Takes what was found under `#key`, which is no record of variants, or ought to be none. */
  #take(found: StoredBody | null): void {
    if (found === null) return this.#findNext();
    const nowMs = this.route.parts.clock.nowMs();
    const verdict = this.#verdictOf(found.answer);
    const answer = verdict === "soft" ? staleFrom(found.answer, nowMs) : found.answer;
    const use = verdict === "gone" || !this.#isForThis(answer) ? "unusable" : judgeUse(answer, this.directives, nowMs);
    if (use === "fresh") return this.#decide(found, use);
    if (use === "unusable" || this.stale !== null) found.release();
    else {
      this.stale = found;
      this.staleKey = this.#key;
      this.#staleUse = use;
    }
    this.#findNext();
  }

  #verdictOf(answer: StoredAnswer): "valid" | "soft" | "gone" {
    return this.route.parts.purges.judgeFound(answer, this.purgeFloor);
  }

  /** Who says who he is gets only what is for everybody, by the word of the origin (RFC 9111 section 3.5). */
  #isForThis({ isShared }: StoredAnswer): boolean {
    return isShared || !this.facts.hasAuthorization || this.route.options.allowAuthorization;
  }

  #decide(fresh: StoredBody | null, use: Use): void {
    this.#isDecided = true;
    if (this.#hold === null) return this.#act(fresh, use);
    if (this.#hold.release()) passOn(this.exchange, () => this.#act(fresh, use));
    else fresh?.release();
  }

  #act(fresh: StoredBody | null, use: Use): void {
    if (fresh !== null) {
      this.stale?.release();
      return this.answer(fresh, servedFresh);
    }
    const { stale } = this;
    if (stale !== null && (use === "stale-allowed" || use === "revalidate-behind")) {
      const miss = use === "revalidate-behind" ? this.#toMiss("stale") : null;
      this.answer(stale, servedStale);
      if (miss !== null) revalidateBehind(miss);
      return;
    }
    this.#forward();
  }

  #forward(): void {
    const { stale, directives, exchange, route } = this;
    if (directives.onlyIfCached) {
      stale?.release();
      route.note(exchange, "refused");
      const said = route.options.statusField
        ? Fields.none.plus("Cache-Status", "millrace; detail=NOT_CACHED")
        : Fields.none;
      return exchange.fail("NOT_CACHED", "", said);
    }
    if (stale !== null) this.forward = directives.noCache ? "request" : "stale";
    if (exchange.request.method === "HEAD") {
      // What a HEAD brings is no answer to a GET: it goes as it is, and nothing comes of it.
      stale?.release();
      return passBy(this, this.forward, "miss");
    }
    fetchAnswer(this.#toMiss(this.forward));
  }

  #toMiss(forward: ForwardReason): Miss {
    this.forward = forward;
    this.outgoing = toFillRequest(this.exchange.outgoing, this.#target);
    return this as Miss;
  }

  /** Answers the client. */
  answer(found: StoredBody, how: HowServed): void {
    answerFromStore(this, found, how);
  }
}
