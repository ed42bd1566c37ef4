/** What the admin listener shows of a proxy, put together from the configuration and the shared table. */
import type {
  CertificateStatus,
  ConfigurationStatus,
  DiscoveryStatus,
  EndpointStatus,
  ProxyStatus,
} from "../admin/admin-sources.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { MetricReader } from "../observe/metric-reader.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { RouteOptions } from "../route/options.ts";
import { targetOf } from "../route/targets/targets.ts";
import { describeBalance } from "../upstream/balance-key.ts";
import type { DiscoveryReport } from "../upstream/discovery/discovery-record.ts";
import { EndpointFlag } from "../upstream/endpoint-state.ts";
import type { BoundAddress } from "./bound-address.ts";
import type { DataPlanes } from "./data-planes.ts";
import type { ProxyAddress } from "./proxy.ts";
import type { EndpointLists } from "./endpoint-lists.ts";
import type { SharedEndpoint, SharedEndpoints } from "./shared-endpoints.ts";

/** What `describeProxy` needs to know. */
export interface StatusParts {
  readonly state: ProxyStatus["state"];
  readonly configuration: ConfigurationStatus;
  readonly config: Config;
  readonly planes: DataPlanes;
  readonly endpoints: SharedEndpoints;
  readonly lists: EndpointLists;
  readonly reader: MetricReader;
  readonly certificates: readonly CertificateStatus[];
}

/** What the status shows of the whole proxy, as it is now. */
export function describeProxy(parts: StatusParts): ProxyStatus {
  const { config, planes, reader } = parts;
  const schemes = new Map(config.listeners.map((listener) => [listener.name, schemeOf(listener)]));
  return {
    state: parts.state,
    configuration: parts.configuration,
    listeners: planes.addresses.map((address) => {
      const isOf = (labels: string): boolean => labels.includes(`listener=${JSON.stringify(address.name)}`);
      return {
        name: address.name,
        address: addressText(address),
        scheme: schemes.get(address.name) ?? "http",
        connections: reader.total(families.connections, isOf)[0] ?? 0,
        inFlight: reader.total(families.requestsInFlight, isOf)[0] ?? 0,
      };
    }),
    routes: config.routes.map((route) => ({ name: route.name, match: matchText(route), action: actionText(route) })),
    upstreams: Object.entries(config.upstreams).map(([name, upstream]) => ({
      name,
      balance: describeBalance(upstream.balance),
      discovery: describeDiscovery(parts.lists.report(name)),
      endpoints: parts.endpoints.of(name).map(describeEndpoint),
    })),
    certificates: parts.certificates,
    threads: planes.threads.map(({ name, restarts, isRunning }) => ({
      name,
      restarts,
      state: !isRunning ? "starting" : parts.state === "draining" ? "draining" : "running",
    })),
  };
}

function describeDiscovery(report: DiscoveryReport | null): DiscoveryStatus | null {
  if (report === null) return null;
  const { lastSuccessWallMs, lastError, isUp: _isUp, updates: _updates, ...shown } = report;
  return {
    ...shown,
    lastSuccess: lastSuccessWallMs === null ? null : new Date(lastSuccessWallMs).toISOString(),
    ageSeconds: lastSuccessWallMs === null ? null : Math.max(0, Math.round((Date.now() - lastSuccessWallMs) / 1000)),
    lastError: lastError === null ? null : { reason: lastError.reason, at: new Date(lastError.atWallMs).toISOString() },
  };
}

/** What the status shows of one endpoint, as it is now. */
export function describeEndpoint({ spec, state }: SharedEndpoint): EndpointStatus {
  return {
    url: spec.url,
    weight: state.weightOverride ?? spec.weight,
    configuredWeight: spec.weight,
    isBackup: spec.isBackup,
    tls: spec.tls == null ? "none" : spec.tls.verify ? "verified" : "unverified",
    health: state.healthName,
    isDraining: state.hasFlag(EndpointFlag.draining),
    isEjected: state.hasFlag(EndpointFlag.ejected),
    isAvailable: state.isAdmitting,
    inFlight: state.inFlight,
  };
}

/** An address as the owner of a proxy sees it. */
export function toProxyAddress(address: BoundAddress): ProxyAddress {
  const { name, host, port } = address;
  return { name, host, port, text: addressText(address) };
}

/** As people write it: `127.0.0.1:8080`, `[::]:8080`, or the path of a Unix socket. */
export function addressText({ host, port, configured }: BoundAddress): string {
  if (port === 0) return host === "" ? configured : `unix:${host}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function schemeOf({ mode, tls }: ListenerOptions): ProxyStatus["listeners"][number]["scheme"] {
  if (mode !== "http") return mode;
  return tls === null ? "http" : "https";
}

function matchText({ match }: RouteOptions): string {
  const parts = [
    match.listener.join(", "),
    match.sni.map((name) => `sni ${name}`).join(", "),
    match.host.join(", "),
    match.method.join(", "),
    match.path ?? "",
    match.clientIp.join(", "),
  ];
  for (const [kind, values] of [
    ["header", match.header],
    ["query", match.query],
    ["cookie", match.cookie],
  ] as const) {
    for (const [name, value] of Object.entries(values)) parts.push(`${kind} ${name}=${value}`);
  }
  return parts.filter((part) => part !== "").join(" ") || "everything";
}

function actionText(route: RouteOptions): string {
  const { target, options } = targetOf(route);
  return target.describe(options);
}
