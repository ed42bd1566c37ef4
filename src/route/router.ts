/**
 * Which route takes a request. Built once for a configuration, then only read; shared by nothing, so every proxy thread
 * builds its own. A look-up walks the few places where a matching rule can be (the exact host, each wildcard suffix of
 * it, any host; there the exact path, each prefix of it, any path), from the most specific on, and leaves a place out
 * if its best rule ranks behind what was found. Explicit priorities only change ranks, never the walk. Ten thousand
 * routes cost what ten do.
 */
import type { TimeSlices } from "../base/time-slices.ts";
import type { Exchange } from "../http/exchange.ts";
import { anyHost, parseHostPattern } from "./host-pattern.ts";
import { compileConditions } from "./match-conditions.ts";
import { PathIndex } from "./path-index.ts";
import { anyPath, parsePathPattern } from "./path-pattern.ts";
import { noRank, RankByLength } from "./rank-by-length.ts";
import type { RouteMatch } from "./route-match.ts";
import { compareRules, Rule } from "./rule.ts";

/** A route as a router takes it. */
export interface RouteSpec<T> {
  /** The route's name, for messages. */
  readonly name: string;
  /** Higher wins over everything else; default 0. */
  readonly priority?: number | undefined;
  readonly match?: RouteMatch | undefined;
  /** What `match` gives for a request that takes this route. */
  readonly value: T;
}

/**
 * What `match` gives if an endpoint could read the path so that the request would have to take another route (or
 * none): `AMBIGUOUS_TARGET`.
 */
export const ambiguous = Symbol("ambiguous");

/** Finds the route that takes an exchange. Immutable. */
export class Router<T> {
  readonly #canonical: HostTable<T>;
  /** The same rules by the liberal reading of their paths, for the liberal reading of requests. */
  readonly #liberal: HostTable<T>;

  /** Use `Router.of` or `Router.build`. */
  constructor(canonical: HostTable<T>, liberal: HostTable<T>) {
    this.#canonical = canonical;
    this.#liberal = liberal;
  }

  /**
   * The router of `specs`, in one go.
   * @throws RangeError that names the route whose host, path or address is malformed.
   */
  static of<T>(specs: Iterable<RouteSpec<T>>): Router<T> {
    const steps = Router.#steps(specs);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  /** As `of`, in slices: thousands of routes hold nobody up. `specs` may be made on the way. */
  static async build<T>(specs: Iterable<RouteSpec<T>>, slices: TimeSlices): Promise<Router<T>> {
    const steps = Router.#steps(specs);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
  }

  static *#steps<T>(specs: Iterable<RouteSpec<T>>): Generator<undefined, Router<T>> {
    const rules: Rule<T>[] = [];
    let routeIndex = 0;
    for (const spec of specs) {
      rules.push(...compileRoute(spec, routeIndex++));
      yield;
    }
    rules.sort(compareRules);
    const canonical = new HostTable<T>();
    const isSame = rules.every((rule) => rule.path.alternate === rule.path.text);
    const liberal = isSame ? canonical : new HostTable<T>();
    for (const [rank, rule] of rules.entries()) {
      rule.rank = rank;
      canonical.add(rule, rule.path.text);
      if (!isSame) liberal.add(rule, rule.path.alternate);
      yield;
    }
    return new Router(canonical, liberal);
  }

  /**
   * The value of the route that takes `exchange`, null if none does, or `ambiguous`. Its client's address and what
   * its forwarding fields are made of must be known by then: matchers see fields as the endpoint will.
   */
  match(exchange: Exchange): T | null | typeof ambiguous {
    const { request } = exchange;
    const rule = this.#canonical.find(request.path, exchange);
    if (request.alternatePath !== null) {
      const other = this.#liberal.find(request.alternatePath, exchange);
      if (other?.routeIndex !== rule?.routeIndex) return ambiguous;
    }
    return rule === null ? null : rule.value;
  }
}

function compileRoute<T>(spec: RouteSpec<T>, routeIndex: number): Rule<T>[] {
  try {
    const match = spec.match ?? {};
    const path = match.path === undefined ? anyPath : parsePathPattern(match.path);
    const hosts = match.host === undefined || match.host.length === 0 ? [anyHost] : match.host.map(parseHostPattern);
    const route = {
      routeIndex,
      value: spec.value,
      priority: spec.priority ?? 0,
      path,
      conditions: compileConditions(match),
    };
    return hosts.map((host) => new Rule(route, host));
  } catch (error) {
    throw new RangeError(`route ${spec.name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** The rules by host, each place holding an index by path. */
class HostTable<T> {
  readonly #exact = new Map<string, PathIndex<T>>();
  readonly #exactRanks = new RankByLength();
  /** By suffix with its dot. */
  readonly #suffixes = new Map<string, PathIndex<T>>();
  readonly #suffixRanks = new RankByLength();
  readonly #any = new PathIndex<T>();

  /** Rules come in the order of their ranks. @param path the path of the rule as it is read in this table */
  add(rule: Rule<T>, path: string): void {
    this.#placeOf(rule).add(rule.path.kind, path, rule);
  }

  #placeOf({ host, rank }: Rule<T>): PathIndex<T> {
    if (host.kind === "any") return this.#any;
    const map = host.kind === "exact" ? this.#exact : this.#suffixes;
    (host.kind === "exact" ? this.#exactRanks : this.#suffixRanks).note(host.text.length, rank);
    let place = map.get(host.text);
    if (place === undefined) {
      place = new PathIndex();
      map.set(host.text, place);
    }
    return place;
  }

  find(path: string, exchange: Exchange): Rule<T> | null {
    const host = exchange.request.host;
    let best: Rule<T> | null = null;
    if (this.#exactRanks.at(host.length) !== noRank) best = this.#exact.get(host)?.find(path, exchange, null) ?? null;
    let bestRank = best === null ? noRank : best.rank;
    const ranks = this.#suffixRanks;
    if (ranks.best < bestRank) {
      for (let dot = host.indexOf(".", 1); dot !== -1; dot = host.indexOf(".", dot + 1)) {
        if (ranks.at(host.length - dot) >= bestRank) continue;
        const place = this.#suffixes.get(host.slice(dot));
        if (place === undefined) continue;
        best = place.find(path, exchange, best);
        if (best !== null) bestRank = best.rank;
      }
    }
    return this.#any.bestRank < bestRank ? this.#any.find(path, exchange, best) : best;
  }
}
