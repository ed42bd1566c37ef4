/**
 * The rules of one host pattern by path: a Map for exact paths, a Map for prefixes that is asked, longest first, only at segment ends whose length some
 * prefix has. Each list of rules is in the router's order, and `bestRank` tells when there is nothing better to be found here.
 */
import type { PathPattern, RouteRequest } from "./route-match.ts";
import type { Rule } from "./rule.ts";

const slash = 47;
const none = 0x7fffffff;

/** See the head of this file. Filled in rank order, best first; then only read. */
export class PathIndex<T> {
  readonly #exact = new Map<string, Rule<T>[]>();
  readonly #prefixes = new Map<string, Rule<T>[]>();
  /** The rules for every path: the prefix of no length. */
  readonly #any: Rule<T>[] = [];
  /** At each length some prefix has, the rank of the best rule among those prefixes; `none` elsewhere. */
  #bestAtLength: Int32Array = new Int32Array(0);
  /** The rank of the best rule in here. */
  bestRank = none;

  /** Files `rule` behind those filed before: rules come in rank order. */
  add(path: PathPattern["kind"], text: string, rule: Rule<T>): void {
    this.bestRank = Math.min(this.bestRank, rule.rank);
    if (path === "prefix" && text === "") this.#any.push(rule);
    else {
      const map = path === "exact" ? this.#exact : this.#prefixes;
      const list = map.get(text);
      if (list === undefined) map.set(text, [rule]);
      else list.push(rule);
      if (path === "prefix") this.#noteLength(text.length, rule.rank);
    }
  }

  #noteLength(length: number, rank: number): void {
    if (length >= this.#bestAtLength.length) {
      const longer = new Int32Array(length + 1).fill(none);
      longer.set(this.#bestAtLength);
      this.#bestAtLength = longer;
    }
    this.#bestAtLength[length] = Math.min(this.#bestAtLength[length] ?? none, rank);
  }

  /** The best rule for `path` that is better than `best`, else `best`. */
  find(path: string, request: RouteRequest, clientIp: string, best: Rule<T> | null): Rule<T> | null {
    let found = best;
    if (this.#exact.size !== 0) found = firstHolding(this.#exact.get(path), request, clientIp, found);
    const bestAtLength = this.#bestAtLength;
    for (let end = Math.min(path.length, bestAtLength.length - 1); end > 0; end--) {
      const bestHere = bestAtLength[end] ?? none;
      if (bestHere === none || (found !== null && found.rank < bestHere)) continue;
      if (end === path.length) found = firstHolding(this.#prefixes.get(path), request, clientIp, found);
      else if (path.charCodeAt(end) === slash) found = firstHolding(this.#prefixes.get(path.slice(0, end)), request, clientIp, found);
    }
    return firstHolding(this.#any, request, clientIp, found);
  }
}

/** The first rule of `rules` whose conditions hold, where its rank is better than that of `best`; else `best`. */
function firstHolding<T>(rules: Rule<T>[] | undefined, request: RouteRequest, clientIp: string, best: Rule<T> | null): Rule<T> | null {
  if (rules === undefined) return best;
  for (let at = 0; at < rules.length; at++) {
    const rule = rules[at];
    if (rule === undefined || (best !== null && rule.rank > best.rank)) return best;
    if (rule.holds(request, clientIp)) return rule;
  }
  return best;
}
