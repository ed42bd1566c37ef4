/** Which endpoints can serve an upstream: its routes are for HTTP, for sessions of TCP, or for datagrams. */
import type { Config } from "../config/schema.ts";
import { isTcpRoute, tcpListenersOf } from "./tcp-routes.ts";

/** What routes lead to an upstream. */
export type EndpointUse = "http" | "tcp" | "udp";

const fitting: Readonly<Record<EndpointUse, RegExp>> = {
  http: /^(?:https?|unix):/,
  tcp: /^(?:tcp|unix):/,
  udp: /^udp:/,
};

const saying: Readonly<Record<EndpointUse, string>> = {
  http: "speaks no HTTP",
  tcp: 'is not for listeners with "mode: tcp", whose endpoints begin with "tcp://" or "unix:"',
  udp: 'is not for listeners with "mode: udp", whose endpoints begin with "udp://"',
};

/** Of each upstream that a route for TCP or UDP leads to, which of them it is; the others serve HTTP. */
export function findEndpointUses(config: Config): ReadonlyMap<string, EndpointUse> {
  const tcpListeners = tcpListenersOf(config);
  const uses = new Map<string, EndpointUse>();
  if (tcpListeners.size === 0) return uses;
  const datagrams = new Set(config.listeners.filter(({ mode }) => mode === "udp").map(({ name }) => name));
  for (const { upstream, match } of config.routes)
    if (upstream !== null && isTcpRoute({ match }, tcpListeners))
      uses.set(upstream, match.listener.some((name) => datagrams.has(name)) ? "udp" : "tcp");
  return uses;
}

/** Why an endpoint with this canonical URL is of no use, as a sentence; null if it fits. */
export function sayWhyUnfit(use: EndpointUse, url: string): string | null {
  return fitting[use].test(url) ? null : `${url} ${saying[use]}`;
}
