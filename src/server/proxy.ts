/**
 * A proxy as its owner holds it: what a program can give it, and what it can do with it. Types only; what stands behind
 * them is in `proxy.ts`. These are public, so they reach neither the engine nor the schema library.
 */
import type { EndpointChange, EndpointMissing, EndpointReport, ReloadResult } from "../admin/admin-sources.ts";
import type { CacheOperator } from "../cache/purge/purge-operator.ts";
import type { ConfigDiff } from "../config/config-diff.ts";
import type { ConfigInput } from "../config/config-input.ts";
import type { Logger } from "../observe/logger.ts";
import type { Statistics } from "../observe/statistics-line.ts";
import type { Inspection } from "./inspection.ts";

/**
 * What a program may give its proxy beside the configuration.
 *
 * @example
 * ```ts
 * import { createLogger, createProxy, type ProxyOptions } from "millrace";
 *
 * const options: ProxyOptions = { logger: createLogger({ level: "warn" }), idleGraceMs: 300 };
 * const proxy = await createProxy(
 *   { listeners: [{ address: ":8080" }], routes: [{ respond: { body: "hello" } }] },
 *   options,
 * );
 * ```
 */
export interface ProxyOptions {
  /** Where messages go; default: nowhere. */
  readonly logger?: Logger;
  /** Takes the statistics line, and what it tells as numbers; default: nobody, and there is none. */
  readonly onStatisticsLine?: (line: string, statistics: Statistics) => void;
  /**
   * Reads the configuration anew when the admin listener is asked to; default: it answers that there is nothing to
   * reload.
   */
  readonly onReloadRequest?: () => Promise<ReloadResult>;
  /**
   * Milliseconds; default 0: `close` closes idle client connections at once, as Node's own server does, and a request
   * that is on its way to one of them is lost. With more, a connection that was in use less than this long ago waits
   * that long for such a request. The command waits 300 ms.
   */
  readonly idleGraceMs?: number;
  /**
   * The folder in which last good lists of discovered endpoints are kept for the next start, if `discovery.lastGood` does
   * not name one; default: none, and they are not kept. The command takes the state directory.
   */
  readonly lastGoodFolder?: string;
}

/**
 * Where a proxy can be reached. `port` is 0 for a Unix socket, whose path `host` is then.
 *
 * @example
 * ```ts
 * import type { Proxy, ProxyAddress } from "millrace";
 *
 * function urlOf(proxy: Proxy): string {
 *   const address: ProxyAddress | undefined = proxy.addresses()[0];
 *   return `http://127.0.0.1:${address?.port}`;
 * }
 * ```
 */
export interface ProxyAddress {
  /** The listener's name. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** As people write it. */
  readonly text: string;
}

/**
 * Drains, enables and weighs endpoints for all threads at once.
 *
 * @example
 * ```ts
 * import type { EndpointOperator, Proxy } from "millrace";
 *
 * function drain(proxy: Proxy, upstream: string, endpoint: string): number {
 *   const operator: EndpointOperator = proxy.endpointControl;
 *   const report = operator.apply(upstream, endpoint, { kind: "drain" });
 *   return "missing" in report ? 0 : report.endpoint.inFlight;
 * }
 * ```
 */
export interface EndpointOperator {
  /**
   * Does `change` (null = nothing) to an endpoint and tells how it is then.
   * @param endpoint its URL as configured, without its scheme, or its position from 0
   */
  apply(upstream: string, endpoint: string, change: EndpointChange | null): EndpointReport | EndpointMissing;
}

/**
 * A reverse proxy. Any number may live in one process; they share nothing. Made by `createProxy`.
 *
 * @example
 * ```ts
 * import { createProxy, type Proxy } from "millrace";
 *
 * const proxy: Proxy = await createProxy({
 *   listeners: [{ address: "127.0.0.1:0" }],
 *   routes: [{ respond: { body: "hello" } }],
 * });
 * await proxy.listen();
 * console.log(proxy.addresses()[0]?.port);
 * await proxy.close();
 * ```
 */
export interface Proxy {
  /**
   * Opens the listeners, and the admin listener if one is configured.
   * @throws the system's error if an address cannot be used; then nothing is left open, and the proxy is closed.
   */
  listen(): Promise<void>;
  /** Settles when the first health checks after `listen` are done, or after a second; then `/readyz` says so, too. */
  ready(): Promise<void>;
  /** Where it listens. */
  addresses(): ProxyAddress[];
  /** Where the admin listener is, as people write it; null if there is none. */
  adminAddress(): string | null;
  /**
   * Makes `next` the running configuration, without dropping anything: what has not changed lives on, what is gone is
   * drained. One at a time; a later call waits for the earlier one.
   * @throws ConfigError or the system's error; then the running configuration is untouched.
   */
  reload(next: ConfigInput): Promise<ConfigDiff>;
  /** Drains, enables and weighs endpoints at run time. */
  readonly endpointControl: EndpointOperator;
  /** Purges answers that the response caches hold. */
  readonly cache: CacheOperator;
  /** Opens the access log anew, after it was rotated. */
  reopenLogs(): void;
  /** What is open; for tests and the curious. */
  inspect(): Promise<Inspection>;
  /**
   * Ends a proxy thread as a fault would, for drills and tests: it is replaced at once, and the others do not notice.
   * @throws RangeError if there is none of that number
   */
  killThread(index: number): Promise<void>;
  /**
   * Ends the proxy: no new connections, exchanges under way get `graceMs` (default: as configured), then everything is
   * closed. A second call with a shorter time shortens it. Harmless before `listen` and after everything is closed.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /**
   * What was under way and had to be ended, since the start, because the time of a shutdown (or of a listener that a
   * reload removed) was over. Complete once it is closed.
   */
  readonly cut: { readonly exchanges: number; readonly tunnels: number };
}
