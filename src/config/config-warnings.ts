/**
 * Warnings about a configuration that is valid but hardly what its author wants: shown by `check`, at the start and at a
 * reload. A warning is never a reason to refuse a configuration.
 */
import type { MiddlewareKind } from "../middleware/kind.ts";
import { middlewareKinds } from "../middleware/kinds.ts";
import { placeMiddlewares } from "../middleware/placed.ts";
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import { formatListenAddress, unixPeers } from "../net/listen-address.ts";
import { isByClientAddress } from "../upstream/balance-key.ts";
import type { Config } from "./schema.ts";

/** How many rules are named in one sentence; the others are counted. */
const maxShownRules = 3;

/** Finds what is odd in `config`. @returns sentences without a full stop; empty if nothing is odd */
export function findConfigWarnings(config: Config, kinds: readonly MiddlewareKind[] = middlewareKinds): string[] {
  return [
    ...warnOfUnixClients(config, kinds),
    ...warnOfStrangers(config),
    ...warnOfAuthorities(config),
    ...warnOfMiddlewares(config, kinds),
  ];
}

/** Whoever stands in the way could read and change everything: that is said again and again. */
function warnOfStrangers({ upstreams, stores }: Config): string[] {
  const open = Object.entries(stores).filter(([, store]) => Object.values(store).some(mayBeAnybody));
  const ofStores = open.map(
    ([name]) =>
      `anybody may take the place of store ${name}, and read what is kept there: with \`tls.verify: false\` it need not` +
      " prove who it is; to trust a certificate of your own, name it in `ca`",
  );
  const ofUpstreams = Object.entries(upstreams).flatMap(([name, { tls, discovery }]) => {
    const sources = Object.entries((discovery ?? {}) as Readonly<Record<string, unknown>>).filter(([, options]) =>
      mayBeAnybody(options),
    );
    return [
      ...(tls?.verify === false
        ? [
            `the endpoints of upstream ${name} may be anybody: with \`tls.verify: false\` nobody is asked to prove who he is;` +
              " to trust a certificate of your own, name it in `tls.ca`",
          ]
        : []),
      ...sources.map(
        ([kind]) =>
          `anybody may say which endpoints upstream ${name} has: with \`discovery.${kind}.tls.verify: false\` the service` +
          " that is asked need not prove who it is; to trust a certificate of your own, name it in `ca`",
      ),
    ];
  });
  return [...ofUpstreams, ...ofStores];
}

/** Does a service that is asked have TLS without proof? */
function mayBeAnybody(options: unknown): boolean {
  return (options as { readonly tls?: { readonly verify: boolean } | null } | null)?.tls?.verify === false;
}

/** Authorities come to port 443 or 80 of a name, wherever the listener with `acme` is. */
function warnOfAuthorities({ listeners }: Config): string[] {
  const isReached = (challenge: string): boolean =>
    challenge === "dns-01" ||
    listeners.some(({ address, mode, tls }) => {
      // Another program has chosen the port of an inherited socket, and stands in front of a Unix socket.
      if (address.kind !== "tcp") return address.kind !== "udp";
      return challenge === "http-01" ? address.port === 80 : address.port === 443 && (tls !== null || mode === "tcp");
    });
  return listeners.flatMap(({ name, tls }) => {
    const acme = tls?.acme ?? null;
    if (acme === null || !isElsewhere(acme.directory) || acme.challenge.some(isReached)) return [];
    return [
      `nobody may be able to prove the names of ${name}: their authority comes to port 443 (\`tls-alpn-01\`) or 80` +
        " (`http-01`), and no listener has such a port; nothing is wrong if these ports are mapped to listeners here",
    ];
  });
}

/** An authority for tests, on this machine, may come to any port. */
function isElsewhere(directory: AcmeOptions["directory"]): boolean {
  return [directory].flat().some((one) => {
    const { hostname } = new URL(typeof one === "string" ? one : one.url);
    return hostname !== "localhost" && !/^(?:127\.|\[::1\])/.test(hostname);
  });
}

/**
 * A peer on a Unix socket has no address: rules that go by addresses see all its clients as one, unless the peer is
 * trusted to say who they are.
 */
function warnOfUnixClients(config: Config, kinds: readonly MiddlewareKind[]): string[] {
  const strangers = config.listeners.filter(
    ({ address, trustedProxies }) => address.kind === "unix" && !trustedProxies.includes(unixPeers),
  );
  if (strangers.length === 0) return [];
  const rules = [...new Set(findAddressRules(config, kinds))];
  if (rules.length === 0) return [];
  const shown =
    rules.length > maxShownRules ? [...rules.slice(0, maxShownRules), `${rules.length - maxShownRules} more`] : rules;
  return strangers.map(
    ({ address }) =>
      `clients of ${formatListenAddress(address)} have no address, so they are all one to ${shown.join(", ")}; ` +
      "if a proxy stands in front of that socket, write `trustedProxies: [unix]` at the listener",
  );
}

/** What the kinds of middlewares find odd. */
function warnOfMiddlewares({ routes }: Config, kinds: readonly MiddlewareKind[]): string[] {
  return routes.flatMap(({ name: routeName, middlewares }) => {
    const placed = placeMiddlewares(middlewares, kinds);
    return placed.flatMap(({ kind, options }, at) => {
      const keysBehind = placed.slice(at + 1).map((other) => other.kind.key);
      return kind.findOddities?.(options, { routeName, keysBehind }) ?? [];
    });
  });
}

/** Everything that goes by the client's address, as people would call it. */
function* findAddressRules({ routes, upstreams }: Config, kinds: readonly MiddlewareKind[]): Generator<string> {
  for (const { name, match, middlewares } of routes) {
    if (match.clientIp.length > 0) yield `\`match.clientIp\` of route ${name}`;
    for (const { kind, options } of placeMiddlewares(middlewares, kinds))
      if (kind.goesByClientAddress?.(options) === true) yield `\`${kind.key}\` of route ${name}`;
  }
  for (const [name, { balance, sticky }] of Object.entries(upstreams)) {
    if (isByClientAddress(balance)) yield `\`balance\` of upstream ${name}`;
    if (sticky !== null && "key" in sticky && sticky.key === "clientIp") yield `\`sticky\` of upstream ${name}`;
  }
}
