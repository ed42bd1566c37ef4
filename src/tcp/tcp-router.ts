/**
 * Which route takes a session of a TCP listener: by the listener, the server name of the client's TLS (SNI) and the
 * client's address. The order between routes is that of HTTP: explicit priority, then the name (exact, then the longer
 * wildcard, then any), then the number of other matchers, then the order of declaration. A route without `sni` takes
 * clients that name no server, too; one with `sni` never does, not even with `*`.
 */
import { AddressSet } from "../net/address-set.ts";
import { anyHost, type HostPattern, parseHostPattern } from "../route/host-pattern.ts";

/** What is known of a session when its route is chosen. */
export interface SessionFacts {
  readonly listenerName: string;
  /** In lower case, without a dot at the end; null = the client named none. */
  readonly serverName: string | null;
  /** Empty = it has none. */
  readonly clientIp: string;
}

/** A route as the router takes it. */
export interface TcpRouteSpec<T> {
  readonly priority: number;
  /** Empty = every listener. */
  readonly listeners: readonly string[];
  /** Patterns of hosts; empty = with any name, and without. */
  readonly sni: readonly string[];
  /** Networks; empty = any. */
  readonly clientIp: readonly string[];
  readonly value: T;
}

interface Rule<T> {
  readonly spec: TcpRouteSpec<T>;
  readonly routeIndex: number;
  /** Null = with any name, and without. */
  readonly name: HostPattern | null;
  readonly listeners: ReadonlySet<string> | null;
  readonly networks: AddressSet | null;
}

/** Longer than any name. */
const exactly = 1_000;

function specificityOf(name: HostPattern | null): number {
  if (name === null) return -1;
  return name.kind === "exact" ? exactly : name.text.length;
}

const matcherCount = ({ listeners, networks }: Rule<unknown>): number =>
  (listeners === null ? 0 : 1) + (networks === null ? 0 : 1);

function compare<T>(a: Rule<T>, b: Rule<T>): number {
  return (
    b.spec.priority - a.spec.priority ||
    specificityOf(b.name) - specificityOf(a.name) ||
    matcherCount(b) - matcherCount(a) ||
    a.routeIndex - b.routeIndex
  );
}

function isOpenTo<T>({ listeners, networks }: Rule<T>, { listenerName, clientIp }: SessionFacts): boolean {
  return (listeners === null || listeners.has(listenerName)) && (networks === null || networks.has(clientIp));
}

/** Finds the route that takes a session. Immutable. */
export class TcpRouter<T> {
  /** By the exact name, by the suffix with its dot, and "" = the rules that look at no suffix; with their ranks. */
  readonly #places = new Map<string, [rank: number, rule: Rule<T>][]>();
  readonly #withoutName: [rank: number, rule: Rule<T>][] = [];
  readonly #named = new Set<string>();
  #isNamedEverywhere = false;

  /** @throws RangeError for a malformed name or network */
  constructor(specs: readonly TcpRouteSpec<T>[]) {
    const rules = specs.flatMap((spec, routeIndex): Rule<T>[] => {
      const shared = {
        spec,
        routeIndex,
        listeners: spec.listeners.length === 0 ? null : new Set(spec.listeners),
        networks: spec.clientIp.length === 0 ? null : new AddressSet(spec.clientIp),
      };
      if (spec.sni.length === 0) return [{ ...shared, name: null }];
      return spec.sni.map((name) => ({ ...shared, name: parseHostPattern(name) }));
    });
    for (const [rank, rule] of rules.sort(compare).entries()) this.#add(rank, rule);
  }

  #add(rank: number, rule: Rule<T>): void {
    if (rule.name === null) {
      this.#withoutName.push([rank, rule]);
      return;
    }
    const place = this.#places.get(rule.name.text) ?? [];
    place.push([rank, rule]);
    this.#places.set(rule.name.text, place);
    if (rule.listeners === null) this.#isNamedEverywhere = true;
    else for (const listener of rule.listeners) this.#named.add(listener);
  }

  /** Does a route of this listener depend on the server name? Then sessions must begin with a ClientHello. */
  asksForName(listenerName: string): boolean {
    return this.#isNamedEverywhere || this.#named.has(listenerName);
  }

  /** The value of the route that takes the session, or null. */
  match(facts: SessionFacts): T | null {
    const { serverName } = facts;
    let [bestRank, best] = firstOpen(this.#withoutName, facts);
    if (serverName === null) return best;
    const look = (key: string): void => {
      const [rank, value] = firstOpen(this.#places.get(key), facts);
      if (rank < bestRank) [bestRank, best] = [rank, value];
    };
    look(serverName);
    for (let dot = serverName.indexOf(".", 1); dot !== -1; dot = serverName.indexOf(".", dot + 1))
      look(serverName.slice(dot));
    look(anyHost.text);
    return best;
  }
}

function firstOpen<T>(
  place: readonly [rank: number, rule: Rule<T>][] | undefined,
  facts: SessionFacts,
): [rank: number, value: T | null] {
  for (const [rank, rule] of place ?? []) if (isOpenTo(rule, facts)) return [rank, rule.spec.value];
  return [Number.POSITIVE_INFINITY, null];
}
