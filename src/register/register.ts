/**
 * Registers a service in etcd, for proxies that discover it there: its key goes with a lease that the process keeps
 * alive, so it vanishes when the process does.
 */
import { parseDuration } from "../base/units.ts";
import { readEndpointRecord } from "../upstream/discovery/endpoint-record.ts";
import { Registered } from "./registered.ts";
import type { Registration } from "./registration.ts";

/**
 * The cluster of etcd in which a service is registered.
 *
 * @example
 * ```ts
 * import type { RegisterEtcd } from "millrace";
 *
 * const etcd: RegisterEtcd = {
 *   urls: ["https://10.0.0.1:2379", "https://10.0.0.2:2379"],
 *   user: "services",
 *   password: process.env.ETCD_PASSWORD ?? "",
 *   tls: { ca: "/etc/ssl/etcd-ca.pem" },
 * };
 * ```
 */
export interface RegisterEtcd {
  /** The members: `http://10.0.0.1:2379`. If one does not answer, the next is asked. */
  readonly urls: readonly string[];
  readonly user?: string;
  readonly password?: string;
  /** Paths of files in PEM: whom to trust, and what to show. `verify: false` trusts anybody, and is dangerous. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly serverName?: string;
    readonly verify?: boolean;
  };
}

/**
 * What is registered, and where.
 *
 * @example
 * ```ts
 * import { register, type RegisterOptions } from "millrace";
 *
 * const options: RegisterOptions = {
 *   etcd: { urls: ["http://10.0.0.1:2379"] },
 *   prefix: "/production/api/",
 *   url: "http://10.0.0.7:8080",
 *   weight: 2,
 *   zone: "eu-1a",
 *   onProblem: (message) => console.error(message),
 * };
 * register(options);
 * ```
 */
export interface RegisterOptions {
  readonly etcd: RegisterEtcd;
  /** Keys are written under `/services/<upstream>/`; or say `prefix`. */
  readonly upstream?: string;
  /** What the key begins with: the `prefix` of the proxies' `discovery.etcd`. */
  readonly prefix?: string;
  /** How proxies reach this process: `http://10.0.0.7:8080`. */
  readonly url: string;
  /** Default: 1. */
  readonly weight?: number;
  readonly zone?: string;
  /** So long after the process has died, its key is there at most; from 2s on. Default: 10s. */
  readonly ttl?: string;
  /** Told when the cluster cannot be asked, once until it can be again. Default: `process.emitWarning`. */
  readonly onProblem?: (message: string) => void;
}

const leastTtlMs = 2_000;

/**
 * Registers a service, and keeps it registered until `unregister`: after a failure it is tried again, and when the lease
 * was lost (the cluster was away for too long, or has lost its data), another one is taken. Does not keep the process
 * alive.
 * @throws TypeError if the options are not what they should be
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { register } from "millrace";
 *
 * const server = createServer((_request, answer) => answer.end("hello")).listen(8080);
 * const registration = register({
 *   etcd: { urls: ["http://10.0.0.1:2379", "http://10.0.0.2:2379"] },
 *   upstream: "api",
 *   url: "http://10.0.0.7:8080",
 * });
 * process.once("SIGTERM", async () => {
 *   await registration.unregister();
 *   server.close();
 * });
 * ```
 */
export function register(options: RegisterOptions): Registration {
  const { etcd, upstream, prefix, url, weight = 1, zone, onProblem = (text) => process.emitWarning(text) } = options;
  if ((upstream === undefined) === (prefix === undefined)) throw new TypeError("write one of `upstream` and `prefix`");
  if (etcd.urls.length === 0) throw new TypeError("`etcd.urls` has no member");
  const record = { url, weight, ...(zone !== undefined && { zone }) };
  const read = readEndpointRecord(record);
  if (typeof read === "string") throw new TypeError(read);
  const ttlMs = durationOf(options.ttl ?? "10s", "ttl");
  if (ttlMs < leastTtlMs) throw new TypeError("`ttl` is too short; at least 2s");
  return new Registered({
    cluster: {
      urls: etcd.urls,
      user: etcd.user ?? null,
      password: etcd.password ?? null,
      tls:
        etcd.tls === undefined
          ? null
          : { ca: null, cert: null, key: null, serverName: null, verify: true, ...etcd.tls },
    },
    prefix: prefix ?? `/services/${upstream}/`,
    record,
    ttlMs,
    onProblem,
    toMs: (grace) => durationOf(grace, "grace"),
  });
}

function durationOf(text: string, name: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new TypeError(`\`${name}\`: ${(error as Error).message}`, { cause: error });
  }
}
