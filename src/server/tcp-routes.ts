/** The routes of a configuration that listeners with `mode: tcp` take, compiled for one thread. */
import type { Config } from "../config/schema.ts";
import { compileRetryPolicy } from "../forward/retry-policy.ts";
import type { RouteOptions } from "../route/options.ts";
import type { TcpPlan, TcpRoute, TcpRoutes } from "../tcp/tcp-context.ts";
import { TcpRouter, type TcpRouteSpec } from "../tcp/tcp-router.ts";
import { isByClientAddress } from "../upstream/balance-key.ts";
import type { Upstreams } from "./upstreams.ts";

/** The names of the listeners with `mode: tcp` or `udp`. */
export function tcpListenersOf({ listeners }: Pick<Config, "listeners">): ReadonlySet<string> {
  return new Set(listeners.filter(({ mode }) => mode !== "http").map(({ name }) => name));
}

/** Is it a route for listeners with `mode: tcp`, of which there are `tcpListeners`? */
export function isTcpRoute({ match }: Pick<RouteOptions, "match">, tcpListeners: ReadonlySet<string>): boolean {
  return match.sni.length > 0 || match.listener.some((name) => tcpListeners.has(name));
}

/** The routes of `config` for TCP listeners; upstreams are opened when the first session comes for them. */
export function compileTcpRoutes(config: Config, upstreams: Upstreams): TcpRoutes {
  const listeners = tcpListenersOf(config);
  const streams = config.listeners.filter(({ mode }) => mode === "tcp").map(({ name }) => name);
  return new TcpRouter(
    config.routes
      .filter((route) => isTcpRoute(route, listeners))
      .map(
        ({ name, priority, match, upstream }): TcpRouteSpec<TcpRoute> => ({
          priority,
          listeners: match.listener.length > 0 ? match.listener : streams,
          sni: match.sni,
          clientIp: match.clientIp,
          value: { name, plan: planFor(upstream!, config, upstreams) },
        }),
      ),
  );
}

function planFor(upstreamName: string, config: Config, upstreams: Upstreams): TcpRoute["plan"] {
  let plan: TcpPlan | null = null;
  return () => {
    const { balance, retry } = config.upstreams[upstreamName]!;
    return (plan ??= {
      upstream: upstreams.get(upstreamName),
      retry: compileRetryPolicy(retry),
      isByClient: isByClientAddress(balance),
    });
  };
}
