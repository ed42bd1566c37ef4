/**
 * The rules of one host pattern by path: a Map for exact paths, a Map for prefixes that is asked, longest first, at the
 * ends of segments. Each list of rules is in the router's order. If no key of a length could still win, no path is
 * hashed and no prefix is cut out for it.
 */
import type { Exchange } from "../http/exchange.ts";
import type { PathPattern } from "./path-pattern.ts";
import { noRank, RankByLength } from "./rank-by-length.ts";
import { Rule } from "./rule.ts";

const slash = 47;

/**
 * The rules under one path or prefix: a rule alone, which is the usual case and needs no list, or several in the
 * router's order.
 */
type Place<T> = Rule<T> | Rule<T>[];

/** Finds the best rule for a path among those of one host pattern. Filled in rank order, best first; then only read. */
export class PathIndex<T> {
  /** Null as long as it holds nothing, as one of the two does for most hosts. */
  #exact: Map<string, Place<T>> | null = null;
  readonly #exactRanks = new RankByLength();
  /** Null as long as it holds nothing. */
  #prefixes: Map<string, Place<T>> | null = null;
  readonly #prefixRanks = new RankByLength();
  /** The rules for every path: the prefix of no length. */
  readonly #any: Rule<T>[] = [];
  /** The rank of the best rule in here. */
  bestRank = noRank;

  /** Files `rule` under `text` behind those filed before: rules come in rank order. */
  add(kind: PathPattern["kind"], text: string, rule: Rule<T>): void {
    this.bestRank = Math.min(this.bestRank, rule.rank);
    if (kind === "prefix" && text === "") {
      this.#any.push(rule);
      return;
    }
    const map = kind === "exact" ? (this.#exact ??= new Map()) : (this.#prefixes ??= new Map());
    const place = map.get(text);
    if (place === undefined) map.set(text, rule);
    else if (place instanceof Rule) map.set(text, [place, rule]);
    else place.push(rule);
    (kind === "exact" ? this.#exactRanks : this.#prefixRanks).note(text.length, rule.rank);
  }

  /** The best rule for `path` that ranks before `best`, else `best`. */
  find(path: string, exchange: Exchange, best: Rule<T> | null): Rule<T> | null {
    let found = best;
    let foundRank = best === null ? noRank : best.rank;
    const length = path.length;
    if (this.#exactRanks.at(length) < foundRank) {
      found = firstHolding(this.#exact?.get(path), exchange, found);
      if (found !== null) foundRank = found.rank;
    }
    const ranks = this.#prefixRanks;
    if (ranks.best < foundRank) {
      for (let end = Math.min(length, ranks.maxLength); end > 0; end--) {
        if (ranks.at(end) >= foundRank || (end !== length && path.charCodeAt(end) !== slash)) continue;
        found = firstHolding(this.#prefixes?.get(end === length ? path : path.slice(0, end)), exchange, found);
        if (found !== null) foundRank = found.rank;
      }
    }
    return firstHolding(this.#any, exchange, found);
  }
}

/** The first rule of `place` whose conditions hold, if it ranks before `best`; else `best`. */
function firstHolding<T>(place: Place<T> | undefined, exchange: Exchange, best: Rule<T> | null): Rule<T> | null {
  if (place === undefined) return best;
  if (place instanceof Rule) return (best === null || place.rank < best.rank) && place.holds(exchange) ? place : best;
  for (let at = 0; at < place.length; at++) {
    const rule = place[at];
    if (rule === undefined || (best !== null && rule.rank > best.rank)) return best;
    if (rule.holds(exchange)) return rule;
  }
  return best;
}
