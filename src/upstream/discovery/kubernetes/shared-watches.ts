/**
 * Upstreams that begin together and ask the same API server about the same namespace share one watch: a configuration
 * with fifty Services has one connection to it. One that begins later has a watch of its own, unless its Service is
 * followed already, so that nobody who follows is disturbed.
 */
import type { LookupFunction } from "node:net";
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { createRemoteHttp, type RemoteHttp } from "../../../remote/http-client.ts";
import type { DiscoveryContext } from "../discovery.ts";
import { ApiServer } from "./api-server.ts";
import type { Cluster } from "./cluster.ts";
import { type EndpointSlice, serviceLabel } from "./endpoint-slice.ts";
import type { KubernetesOptions } from "./options.ts";
import { type SliceObserver, type SliceState, SliceWatch } from "./slice-watch.ts";

/** How long those that begin together are waited for. */
const gatherMs = 20;
/** Their names stand in one URL. */
const maxServices = 50;
const maxAnswerBytes = 16 * 1024 * 1024;

/** By who resolves names, which ends with its proxy, and programs may have several; then by what they ask. */
const watches = new WeakMap<LookupFunction, Map<string, SharedWatch[]>>();

/** Tells `observer` about the slices of one Service. @returns what ends it */
export function followService(
  options: KubernetesOptions,
  { cluster, context }: { readonly cluster: Cluster; readonly context: DiscoveryContext },
  observer: SliceObserver,
): () => void {
  const { service, labelSelector, apiServer, tokenFile, tls } = options;
  const own = watches.get(context.lookup) ?? new Map<string, SharedWatch[]>();
  watches.set(context.lookup, own);
  const key = JSON.stringify([apiServer, tokenFile, tls, cluster.namespace, labelSelector]);
  const all = own.get(key) ?? [];
  own.set(key, all);
  let shared = all.find((one) => one.canTake(service));
  if (shared === undefined) {
    shared = new SharedWatch(cluster, labelSelector, context);
    all.push(shared);
  }
  const found = shared;
  const leave = found.join(service, observer);
  return () => {
    leave();
    if (!found.isUnused) return;
    found.close();
    all.splice(all.indexOf(found), 1);
    if (all.length === 0) own.delete(key);
  };
}

/** One upstream, and what it was told. */
interface Follower {
  readonly service: string;
  readonly observer: SliceObserver;
  told: SliceState | null;
}

class SharedWatch {
  readonly #cluster: Cluster;
  readonly #labelSelector: string | null;
  readonly #context: DiscoveryContext;
  readonly #services = new Set<string>();
  readonly #followers = new Set<Follower>();
  readonly #calls = new Set<ScheduledCall>();
  #http: RemoteHttp | null = null;
  #watch: SliceWatch | null = null;
  #state: SliceState | null = null;

  constructor(cluster: Cluster, labelSelector: string | null, context: DiscoveryContext) {
    this.#cluster = cluster;
    this.#labelSelector = labelSelector;
    this.#context = context;
    this.#after(gatherMs, () => this.#begin());
  }

  get isUnused(): boolean {
    return this.#followers.size === 0;
  }

  canTake(service: string): boolean {
    return this.#services.has(service) || (this.#watch === null && this.#services.size < maxServices);
  }

  join(service: string, observer: SliceObserver): () => void {
    const follower: Follower = { service, observer, told: null };
    this.#services.add(service);
    this.#followers.add(follower);
    if (this.#state !== null) this.#after(0, () => this.#tell(follower));
    return () => void this.#followers.delete(follower);
  }

  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#watch?.close();
    this.#http?.close();
  }

  #after(delayMs: number, run: () => void): void {
    const call = this.#context.scheduler.after(delayMs, () => {
      this.#calls.delete(call);
      run();
    });
    this.#calls.add(call);
  }

  #begin(): void {
    const { scheduler, random, lookup } = this.#context;
    const { url, token, tls, namespace } = this.#cluster;
    this.#http = createRemoteHttp({ tls, lookup, scheduler, maxBodyBytes: maxAnswerBytes });
    const services = [...this.#services].sort();
    const selector =
      services.length === 1 ? `${serviceLabel}=${services[0]}` : `${serviceLabel} in (${services.join()})`;
    this.#watch = new SliceWatch({
      server: new ApiServer({ http: this.#http, url, token }),
      namespace,
      labelSelector: this.#labelSelector === null ? selector : `${selector},${this.#labelSelector}`,
      scheduler,
      random,
    });
    this.#watch.start({
      onSlices: (state) => {
        this.#state = state;
        for (const follower of [...this.#followers]) this.#tell(follower);
      },
      onAlive: () => {
        for (const { observer } of [...this.#followers]) observer.onAlive();
      },
      onFailure: (reason) => {
        for (const { observer } of [...this.#followers]) observer.onFailure(reason);
      },
    });
  }

  /** Tells one upstream what concerns it; that nothing does, if so. */
  #tell(follower: Follower): void {
    if (this.#state === null || !this.#followers.has(follower)) return;
    const { service, observer, told } = follower;
    const slices = new Map([...this.#state.slices].filter(([, slice]) => slice.service === service));
    const unreadable = this.#state.unreadable.filter((one) => one.service === service || one.service === "");
    const next = { ...this.#state, slices, unreadable };
    if (told !== null && isSame(told, next)) return observer.onAlive();
    follower.told = next;
    observer.onSlices(next);
  }
}

function isSame(one: SliceState, other: SliceState): boolean {
  if (one.slices.size !== other.slices.size || one.isSetBack !== other.isSetBack) return false;
  if (one.unreadable.length !== other.unreadable.length) return false;
  const isKnown = ([name, slice]: [string, EndpointSlice]): boolean => one.slices.get(name) === slice;
  return [...other.slices].every(isKnown) && other.unreadable.every(({ why }, at) => one.unreadable[at]?.why === why);
}
