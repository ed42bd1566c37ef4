/**
 * Addresses of endpoints' host names, without ever blocking the data path: literals and cached names answer within the call, everything else
 * is asked for in the background. A name in use is refreshed before its answer expires, and the last good answer serves on when the name
 * service fails. Endpoints are few and named by the configuration or discovery, never by a client; the cache is bounded all the same.
 */
import type { LookupAddress, LookupOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { RandomSource } from "../base/random.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import { ProxyError } from "../http/reason.ts";
import { type NameAnswer, type NameSource, SystemNameSource } from "./name-source.ts";

/** Bounds of what the name service says of an answer's life. */
const minTtlMs = 1_000;
const maxTtlMs = 60_000;
/** A refresh begins in the last fifth of an answer's life, at random, so that names do not expire together. */
const refreshSpread = 0.2;
/** How long a failure is believed before the name service is asked again. */
const failureMs = 1_000;
/** How long an expired answer is kept back in the hope of a fresh one. */
const maxWaitMs = 1_000;

/** Takes the outcome: an error, or at least one address, IPv4 first. The array is shared; do not change it. */
export type ResolveCallback = (error: ProxyError | null, addresses: readonly string[]) => void;

/** What a resolver may be given; the defaults are the real things. */
export interface HostResolverOptions {
  readonly source?: NameSource;
  readonly scheduler?: Scheduler;
  readonly random?: RandomSource;
  /** Names remembered, least recently used forgotten first. Default 4,096. */
  readonly maxNames?: number;
}

/** One thread's resolver. */
export class HostResolver {
  readonly #source: NameSource;
  readonly #scheduler: Scheduler;
  readonly #random: RandomSource;
  readonly #maxNames: number;
  readonly #names = new Map<string, NameEntry>();
  #isClosed = false;

  constructor(options: HostResolverOptions = {}) {
    this.#source = options.source ?? new SystemNameSource();
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#random = options.random ?? Math.random;
    this.#maxNames = options.maxNames ?? 4_096;
  }

  /**
   * Calls `onDone` once with the addresses of `host` (a name, or an IPv4 or IPv6 literal, with or without brackets): within this call where they
   * are known. The caller tries them in order. @throws nothing; a failure is `UPSTREAM_DNS_FAILED`, safe to replay.
   */
  resolve(host: string, onDone: ResolveCallback): void {
    if (this.#isClosed) return onDone(failure(host, "closed"), []);
    const entry = this.#names.get(host) ?? this.#remember(host);
    if (entry.isLiteral) return onDone(null, entry.addresses);
    const nowMs = this.#scheduler.clock.now();
    entry.usedMs = nowMs;
    if (nowMs >= entry.refreshMs) this.#refresh(host, entry);
    if (nowMs < entry.expiresMs) return onDone(entry.error, entry.addresses);
    entry.waiting.push(onDone);
    if (entry.addresses.length > 0) entry.impatience ??= this.#scheduler.after(maxWaitMs, () => entry.settle());
  }

  /** How many names are remembered. */
  get size(): number {
    return this.#names.size;
  }

  /** Gives up: who waits is told so, and nothing stays behind. */
  close(): void {
    this.#isClosed = true;
    this.#source.close();
    for (const [host, entry] of this.#names) {
      entry.error = failure(host, "closed");
      entry.settle();
    }
    this.#names.clear();
  }

  #remember(host: string): NameEntry {
    const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
    const entry = new NameEntry(isIP(bare) === 0 ? [] : [bare]);
    if (this.#names.size >= this.#maxNames) this.#forgetOne();
    this.#names.set(host, entry);
    return entry;
  }

  #forgetOne(): void {
    let oldestHost: string | null = null;
    let oldestMs = Infinity;
    for (const [host, entry] of this.#names) {
      if (entry.isLookingUp || entry.usedMs >= oldestMs) continue;
      oldestHost = host;
      oldestMs = entry.usedMs;
    }
    if (oldestHost !== null) this.#names.delete(oldestHost);
  }

  #refresh(host: string, entry: NameEntry): void {
    if (entry.isLookingUp) return;
    entry.isLookingUp = true;
    this.#source.lookUp(host).then(
      (answer) => this.#conclude(host, entry, answer, "no address"),
      (error: NodeJS.ErrnoException) => this.#conclude(host, entry, null, error.code ?? error.name),
    );
  }

  #conclude(host: string, entry: NameEntry, answer: NameAnswer | null, detail: string): void {
    if (this.#isClosed) return;
    entry.isLookingUp = false;
    const nowMs = this.#scheduler.clock.now();
    if (answer !== null && answer.addresses.length > 0) {
      const ttlMs = Math.min(maxTtlMs, Math.max(minTtlMs, answer.ttlMs));
      entry.addresses = answer.addresses;
      entry.error = null;
      entry.expiresMs = nowMs + ttlMs;
      entry.refreshMs = nowMs + ttlMs * (1 - refreshSpread * this.#random());
    } else {
      // The last good answer has no end while there is no better one: nobody waits for a name service that is down.
      const hasLastGood = entry.addresses.length > 0;
      entry.error = hasLastGood ? null : failure(host, detail);
      entry.expiresMs = hasLastGood ? Infinity : nowMs + failureMs;
      entry.refreshMs = nowMs + failureMs;
    }
    entry.settle();
  }
}

/** What is known of one name. */
class NameEntry {
  readonly isLiteral: boolean;
  /** The last good answer; empty before the first. */
  addresses: readonly string[];
  error: ProxyError | null = null;
  /** Until then callers are answered at once. */
  expiresMs = -Infinity;
  /** From then on the next use asks again. */
  refreshMs = -Infinity;
  usedMs = -Infinity;
  isLookingUp = false;
  waiting: ResolveCallback[] = [];
  /** Answers who waits from the last good answer when a fresh one takes long. */
  impatience: ScheduledCall | null = null;

  constructor(addresses: readonly string[]) {
    this.isLiteral = addresses.length > 0;
    this.addresses = addresses;
  }

  /** Answers everybody who waits with what is known now. */
  settle(): void {
    this.impatience?.cancel();
    this.impatience = null;
    const waiting = this.waiting;
    this.waiting = [];
    for (const onDone of waiting) onDone(this.error, this.error === null ? this.addresses : []);
  }
}

function failure(host: string, detail: string): ProxyError {
  return new ProxyError("UPSTREAM_DNS_FAILED", { replay: "safe", detail: `${host}: ${detail}` });
}

/** `resolver` in the shape that `node:net` and `node:http` take. */
export function toLookupFunction(resolver: HostResolver): LookupFunction {
  return (host: string, options: LookupOptions, onDone: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void) => {
    resolver.resolve(host, (error, addresses) => {
      // Node expects the call to return first.
      process.nextTick(() => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        const first = found[0];
        if (error !== null || first === undefined) onDone(Object.assign(new Error(error?.detail ?? host), { code: "ENOTFOUND" }), "");
        else if (options.all === true) onDone(null, found);
        else onDone(null, first.address, first.family);
      });
    });
  };
}
