/**
 * What the admin listener shows and does, as functions that the server hands it: it knows nothing of threads, sockets
 * or configuration.
 */
import type { PurgeReport, PurgeRequest } from "../cache/purge/purge-operator.ts";
import type { FamilySum } from "../observe/metric-reader.ts";

/** Whether new traffic should be sent here. */
export interface Readiness {
  readonly isReady: boolean;
  /** Why not, one sentence each; empty when ready. */
  readonly reasons: readonly string[];
}

/**
 * An endpoint as it is now.
 *
 * @example
 * ```ts
 * import type { EndpointStatus } from "millrace";
 *
 * const isDrained = ({ isDraining, inFlight }: EndpointStatus): boolean => isDraining && inFlight === 0;
 * ```
 */
export interface EndpointStatus {
  readonly url: string;
  /** The weight in force: what was set at run time, else what is configured. */
  readonly weight: number;
  readonly configuredWeight: number;
  readonly isBackup: boolean;
  /** Whether TLS is spoken to it, and whether it has to prove who it is. */
  readonly tls: "none" | "verified" | "unverified";
  readonly health: "unknown" | "healthy" | "unhealthy";
  readonly isDraining: boolean;
  /** By outlier detection, for a while. */
  readonly isEjected: boolean;
  /** All gates admit new traffic. */
  readonly isAvailable: boolean;
  readonly inFlight: number;
}

/** Where endpoints are discovered, and how that fares, as the status shows it. */
export interface DiscoveryStatus {
  /** As the configuration calls it: `etcd`, `dns`. */
  readonly kind: string;
  /** What is followed, without secrets. */
  readonly source: string;
  /**
   * `live`: the source answers. `held`: it answers, but what it no longer has is kept for now. `stale`: it cannot be asked,
   * what it said last is used. `restored`: it has not answered yet, the list of an earlier run is used. `waiting`: it has
   * not answered yet, and there is no list.
   */
  readonly state: "live" | "held" | "stale" | "restored" | "waiting";
  /** How many endpoints it gives, without those in the configuration. */
  readonly endpoints: number;
  /** Of these, how many the source no longer has. */
  readonly heldBack: number;
  /** Revision, index, ETag; null if there is none. */
  readonly version: string | null;
  /** When the source said last what is used (RFC 3339); null if it never did. */
  readonly lastSuccess: string | null;
  /** How long ago that was; null if it never did. */
  readonly ageSeconds: number | null;
  /** Why it could not be asked the last time, and when (RFC 3339); null if that has never happened. */
  readonly lastError: { readonly reason: string; readonly at: string } | null;
  /** How many records of its last answer are no usable endpoint. */
  readonly refusedCount: number;
  /** Why, of the first of them. */
  readonly refused: readonly string[];
}

/** An upstream, as the status shows it. */
export interface UpstreamStatus {
  readonly name: string;
  readonly balance: string;
  /** Null if all endpoints are in the configuration. */
  readonly discovery: DiscoveryStatus | null;
  readonly endpoints: readonly EndpointStatus[];
}

/** A place of stored answers, as `GET /api/v1/cache` shows it. What nobody counts is null. */
export interface CacheStoreStatus {
  /** `memory`, or the name in `stores`. */
  readonly name: string;
  readonly kind: "memory" | "disk" | "redis";
  readonly objects: number | null;
  /** With everything that belongs to them. */
  readonly bytes: number | null;
  readonly maxBytes: number | null;
}

/** A listener, as the status shows it. */
export interface ListenerStatus {
  readonly name: string;
  /** The address it is bound to. */
  readonly address: string;
  readonly scheme: "http" | "https" | "tcp" | "udp";
  readonly connections: number;
  readonly inFlight: number;
}

/** A route, as the status shows it. */
export interface RouteStatus {
  readonly name: string;
  /** What it matches, in words: `api.example.com /v1/*`. */
  readonly match: string;
  /** What it does, in words: `upstream api`, `redirect 308`, `respond 200`. */
  readonly action: string;
}

/** A certificate that a listener serves with, as the status shows it. */
export interface CertificateStatus {
  /** The name of the listener. */
  readonly listener: string;
  readonly names: readonly string[];
  readonly keyType: string;
  /** RFC 3339. */
  readonly notAfter: string;
  /** Negative when it has expired. */
  readonly expiresInSeconds: number;
}

/** A thread, as the status shows it. */
export interface ThreadStatus {
  readonly name: string;
  readonly state: "starting" | "running" | "draining";
  /** How many threads in its place died before it. */
  readonly restarts: number;
}

/** Where the configuration comes from, as the status shows it. Times are RFC 3339; null: there is nothing to tell. */
export interface ConfigurationStatus {
  /** The file, or the store and its key as a URL without secrets; null for flags and programs. */
  readonly source: string | null;
  readonly appliedAt: string | null;
  /** Of a configuration in a store; null for all others. */
  readonly store: StoreStatus | null;
}

/** A configuration in a store, as the status shows it. */
export interface StoreStatus {
  /** The name under which this instance tells beside the key how it fares. */
  readonly instance: string;
  /** The version that runs, as the store counts. */
  readonly version: string | null;
  /** What runs is the copy on the disk: the store has not given it in the life of this instance. */
  readonly isCopy: boolean;
  /** The store answers. */
  readonly isUp: boolean;
  /** Since the store was last heard; null: never. */
  readonly ageSeconds: number | null;
  /** Why the store cannot be asked. */
  readonly lastError: string | null;
  /** There is no such key. */
  readonly isMissing: boolean;
  /** What the store holds instead of what runs, and why it was refused. */
  readonly refused: { readonly version: string; readonly at: string; readonly problems: readonly string[] } | null;
}

/** What is going on, as `GET /api/v1/status` answers it (with version and uptime added). */
export interface ProxyStatus {
  readonly state: "starting" | "ready" | "draining";
  readonly configuration: ConfigurationStatus;
  readonly listeners: readonly ListenerStatus[];
  readonly routes: readonly RouteStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  readonly certificates: readonly CertificateStatus[];
  readonly threads: readonly ThreadStatus[];
}

/**
 * What may be done to an endpoint at run time. A weight of null means: as configured again.
 *
 * @example
 * ```ts
 * import type { EndpointChange, Proxy } from "millrace";
 *
 * function setWeight(proxy: Proxy, endpoint: string, weight: number | null): void {
 *   const change: EndpointChange = { kind: "weight", weight };
 *   proxy.endpointControl.apply("app", endpoint, change);
 * }
 * ```
 */
export type EndpointChange =
  | { readonly kind: "drain" }
  | { readonly kind: "enable" }
  | { readonly kind: "weight"; readonly weight: number | null };

/**
 * One endpoint, and what is left of its upstream.
 *
 * @example
 * ```ts
 * import type { EndpointReport } from "millrace";
 *
 * const isLast = ({ takingCount }: EndpointReport): boolean => takingCount === 1;
 * ```
 */
export interface EndpointReport {
  readonly upstream: string;
  readonly endpoint: EndpointStatus;
  /** How many endpoints of the upstream take new traffic: available, and with a weight. */
  readonly takingCount: number;
  readonly endpointCount: number;
}

/**
 * There is no such upstream, or no such endpoint in it; and which there are.
 *
 * @example
 * ```ts
 * import type { EndpointMissing, EndpointReport } from "millrace";
 *
 * function isMissing(result: EndpointReport | EndpointMissing): result is EndpointMissing {
 *   return "missing" in result;
 * }
 * ```
 */
export interface EndpointMissing {
  readonly missing: "upstream" | "endpoint";
  readonly known: readonly string[];
}

/**
 * How a reload ended: with the changes, or with the problems that kept the running configuration.
 *
 * @example
 * ```ts
 * import type { ReloadResult } from "millrace";
 *
 * const refused: ReloadResult = { isApplied: false, report: "the file is not there yet" };
 * ```
 */
export interface ReloadResult {
  readonly isApplied: boolean;
  readonly report: string;
}

/** Everything the admin listener needs. Each is called for a request and should answer from memory. */
export interface AdminSources {
  metrics(): readonly FamilySum[];
  readiness(): Readiness;
  status(): ProxyStatus;
  /**
   * Looks at an endpoint after doing `change` to it (null = nothing).
   * @param endpoint its URL as configured, a shorter form of it (`host:port`), or its position from 0
   */
  endpoint(upstream: string, endpoint: string, change: EndpointChange | null): EndpointReport | EndpointMissing;
  /** The places of stored answers. */
  stores(): readonly CacheStoreStatus[];
  /**
   * Makes stored answers invalid.
   * @param by who asks, for the log
   * @throws RangeError with a sentence if the request names nothing that can be purged
   */
  purge(request: PurgeRequest, by: string): Promise<PurgeReport>;
  /** Reads and applies the configuration anew; null if there is nothing to reload from. */
  readonly reload: (() => Promise<ReloadResult>) | null;
}
