/**
 * Resolves the host names of endpoints without ever blocking the data path: literals and cached names answer within the
 * call, everything else is asked for in the background. A name that is watched or was used lately is refreshed before
 * its answer expires, whether or not anybody asks, and the last good answer stays in use if the name service fails or
 * has no address. Endpoints are few and named by the configuration or discovery, never by a client; the cache is
 * bounded all the same. Each thread has a resolver of its own.
 */
import { ipVersion } from "../../base/ip-address.ts";
import type { RandomSource } from "../../base/random.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { ProxyError, type ReasonCode } from "../../http/reason.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import { type NameAnswer, type NameSource, SystemNameSource } from "./name-source.ts";

/** Bounds of the time for which the name service says that an answer holds. */
const minTtlMs = 1_000;
const maxTtlMs = 60_000;
/**
 * A refresh begins at a random moment in the last fifth of an answer's time, so that names are not all refreshed
 * together.
 */
const refreshSpread = 0.2;
/** How long after a failure the name service is asked again. */
const failureMs = 1_000;
/** How long callers wait for a fresh answer before they get the expired one. */
const maxWaitMs = 1_000;
/** A watched name that nobody uses is refreshed for this long after its last use. */
const maxUnusedMs = 600_000;
/** When the machine's own settings change, names are asked for anew within this time, not all at once. */
const settingsSpreadMs = 500;
/** The most addresses of one name that are used. Addresses in use stay in use while they are in the answer. */
const maxAddresses = 64;

/** A name that could not be resolved. */
export class ResolveError extends ProxyError {
  /** The error code of the name service or the system: `ENOTFOUND`, `ETIMEOUT`, `EMFILE`. */
  readonly systemCode: string;

  constructor(code: ReasonCode, host: string, systemCode: string) {
    super(code, { replay: "safe", detail: `${host}: ${systemCode}` });
    this.systemCode = systemCode;
  }
}

/**
 * Takes the outcome: an error, or at least one address, IPv4 first. The array is shared and the same until the answer
 * changes; do not change it.
 */
export type ResolveCallback = (error: ResolveError | null, addresses: readonly string[]) => void;

/** Follows a name. */
export interface AddressWatcher {
  /** It has connections to the name's addresses: the answer must be kept fresh. */
  readonly isInUse: boolean;
  /** The name stands for other addresses than before. */
  onAddresses(addresses: readonly string[]): void;
}

/** What a resolver may be given; the defaults are the machine's own. */
export interface HostResolverOptions {
  readonly source?: NameSource;
  readonly scheduler?: Scheduler;
  readonly random?: RandomSource;
  /** How many names are remembered; the least recently used is forgotten first. Default 16,384. */
  readonly maxNames?: number;
  /** Told each time a name could not be resolved, and why. */
  readonly onFailure?: (host: string, failure: NameFailure) => void;
  /** Told each time a name was resolved, and whether it could not be before. */
  readonly onSuccess?: (host: string, wasFailing: boolean) => void;
}

/** Why a name could not be resolved. */
export interface NameFailure {
  /** The error code of the name service or the system: `ENOTFOUND`, `ETIMEOUT`. */
  readonly code: string;
  /** The last good addresses stay in use. */
  readonly hasLastGood: boolean;
}

/** Resolves names for one thread. */
export class HostResolver {
  readonly #source: NameSource;
  readonly #scheduler: Scheduler;
  readonly #random: RandomSource;
  readonly #maxNames: number;
  readonly #onFailure: (host: string, failure: NameFailure) => void;
  readonly #onSuccess: (host: string, wasFailing: boolean) => void;
  readonly #names = new Map<string, NameEntry>();
  #isFollowingSettings = false;
  #isClosed = false;

  constructor(options: HostResolverOptions = {}) {
    this.#source = options.source ?? new SystemNameSource();
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#random = options.random ?? Math.random;
    this.#maxNames = options.maxNames ?? 16_384;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#onSuccess = options.onSuccess ?? (() => {});
  }

  /**
   * Calls `onDone` once with the addresses of `host` (a name, or an IPv4 or IPv6 literal, with or without brackets):
   * within this call if they are known. There is no deadline: the caller sets its own.
   * @returns a function that cancels the wait; null if there is none
   * @throws nothing; a failure is `UPSTREAM_DNS_FAILED`, or `UPSTREAM_DNS_TIMEOUT` if no name server answered, both
   * safe to replay
   */
  resolve(host: string, onDone: ResolveCallback): ScheduledCall | null {
    if (this.#isClosed) {
      onDone(failure(host, "closed"), []);
      return null;
    }
    const entry = this.#names.get(host) ?? this.#remember(host);
    const nowMs = this.#scheduler.clock.now();
    entry.usedMs = nowMs;
    if (!entry.isLiteral && nowMs >= entry.refreshMs) this.#refresh(entry);
    if (entry.isLiteral || nowMs < entry.expiresMs) {
      onDone(entry.error, entry.error === null ? entry.addresses : []);
      return null;
    }
    entry.waiting.add(onDone);
    if (entry.addresses.length > 0)
      entry.impatience ??= this.#scheduler.after(maxWaitMs, () => entry.settleWithLastGood());
    return { cancel: () => entry.waiting.delete(onDone) };
  }

  /** Keeps the addresses of `host` fresh, and tells `watcher` when they change, until `unwatch`. */
  watch(host: string, watcher: AddressWatcher): void {
    if (this.#isClosed) return;
    const entry = this.#names.get(host) ?? this.#remember(host);
    entry.watchers.add(watcher);
    entry.usedMs = this.#scheduler.clock.now();
    if (!entry.isLiteral && entry.refreshing === null && !entry.isLookingUp && entry.refreshMs > -Infinity)
      this.#planRefresh(entry, entry.refreshMs - entry.usedMs);
  }

  unwatch(host: string, watcher: AddressWatcher): void {
    const entry = this.#names.get(host);
    if (entry === undefined || !entry.watchers.delete(watcher) || entry.watchers.size > 0) return;
    entry.refreshing?.cancel();
    entry.refreshing = null;
  }

  /** How many names are remembered. */
  get size(): number {
    return this.#names.size;
  }

  /** Ends all look-ups: those who wait get an error, and nothing stays behind. */
  close(): void {
    this.#isClosed = true;
    this.#source.close();
    for (const entry of this.#names.values()) {
      entry.error = failure(entry.host, "closed");
      entry.watchers.clear();
      entry.refreshing?.cancel();
      entry.settle();
    }
    this.#names.clear();
  }

  #remember(host: string): NameEntry {
    const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
    const entry = new NameEntry(host, ipVersion(bare) === 0 ? [] : [bare]);
    if (this.#names.size >= this.#maxNames) this.#forgetOne();
    this.#names.set(host, entry);
    if (!entry.isLiteral && !this.#isFollowingSettings) {
      this.#isFollowingSettings = true;
      this.#source.follow(() => this.#onSettings());
    }
    return entry;
  }

  #forgetOne(): void {
    let oldest: NameEntry | null = null;
    for (const entry of this.#names.values()) {
      if (entry.isLookingUp || entry.watchers.size > 0 || (oldest !== null && entry.usedMs >= oldest.usedMs)) continue;
      oldest = entry;
    }
    if (oldest !== null) this.#names.delete(oldest.host);
  }

  #refresh(entry: NameEntry): void {
    if (entry.isLookingUp) return;
    entry.refreshing?.cancel();
    entry.refreshing = null;
    entry.isLookingUp = true;
    entry.isOutdated = false;
    this.#source.lookUp(entry.host).then(
      (answer) => this.#conclude(entry, answer, "ENODATA"),
      (error: NodeJS.ErrnoException) => this.#conclude(entry, null, error.code ?? error.name),
    );
  }

  #conclude(entry: NameEntry, answer: NameAnswer | null, code: string): void {
    if (this.#isClosed) return;
    entry.isLookingUp = false;
    const nowMs = this.#scheduler.clock.now();
    const addresses = answer === null ? [] : choose(answer, entry.addresses);
    const wasFailing = entry.isFailing;
    const hasLastGood = entry.addresses.length > 0;
    // An earlier name of the search list could not be asked for, so the answer may be that of another host: it is used
    // only if there is no good one.
    entry.isFailing = addresses.length === 0 || (answer!.isDoubtful && hasLastGood);
    if (entry.isFailing) {
      // The last good answer holds until there is a better one: nobody waits for a name service that is down, and an
      // empty answer does not mean that all machines are gone.
      entry.error = hasLastGood ? null : failure(entry.host, code);
      entry.expiresMs = hasLastGood ? Infinity : nowMs + failureMs;
      entry.refreshMs = nowMs + failureMs;
      this.#onFailure(entry.host, { code, hasLastGood });
    } else {
      const ttlMs = Math.min(maxTtlMs, Math.max(minTtlMs, answer!.ttlMs));
      entry.error = null;
      entry.expiresMs = nowMs + ttlMs;
      entry.refreshMs = nowMs + ttlMs * (1 - refreshSpread * this.#random());
      entry.take(addresses);
      this.#onSuccess(entry.host, wasFailing);
    }
    entry.settle();
    if (entry.isOutdated) this.#refresh(entry);
    else if (entry.watchers.size > 0) this.#planRefresh(entry, entry.refreshMs - nowMs);
  }

  #planRefresh(entry: NameEntry, delayMs: number): void {
    entry.refreshing?.cancel();
    entry.refreshing = this.#scheduler.after(Math.max(0, delayMs), () => {
      entry.refreshing = null;
      if (this.#isWanted(entry)) this.#refresh(entry);
    });
  }

  #isWanted(entry: NameEntry): boolean {
    if (this.#scheduler.clock.now() - entry.usedMs < maxUnusedMs) return true;
    for (const watcher of entry.watchers) if (watcher.isInUse) return true;
    return false;
  }

  /** The name servers, the search list or the hosts file have changed: all answers may be wrong now. */
  #onSettings(): void {
    for (const entry of this.#names.values()) {
      if (entry.isLiteral) continue;
      entry.refreshMs = -Infinity;
      if (entry.error !== null) entry.expiresMs = -Infinity;
      if (entry.isLookingUp) entry.isOutdated = true;
      else if (entry.watchers.size > 0) this.#planRefresh(entry, settingsSpreadMs * this.#random());
    }
  }
}

/** What is known about one name. */
class NameEntry {
  readonly host: string;
  readonly isLiteral: boolean;
  /** The last good answer; empty before the first. */
  addresses: readonly string[];
  error: ResolveError | null = null;
  isFailing = false;
  /** Until then callers are answered at once. */
  expiresMs = -Infinity;
  /** From then on the next use asks again. */
  refreshMs = -Infinity;
  usedMs = -Infinity;
  isLookingUp = false;
  /** The settings have changed since the look-up under way began. */
  isOutdated = false;
  readonly watchers = new Set<AddressWatcher>();
  /** The next refresh, if somebody watches. */
  refreshing: ScheduledCall | null = null;
  waiting = new Set<ResolveCallback>();
  /** Gives those who wait the last good answer if a fresh one takes long. */
  impatience: ScheduledCall | null = null;

  constructor(host: string, addresses: readonly string[]) {
    this.host = host;
    this.isLiteral = addresses.length > 0;
    this.addresses = addresses;
  }

  /** Makes `addresses` the answer, and tells the watchers if it has changed. */
  take(addresses: readonly string[]): void {
    const before = new Set(this.addresses);
    if (before.size === addresses.length && addresses.every((address) => before.has(address))) return;
    this.addresses = addresses;
    for (const watcher of [...this.watchers]) watcher.onAddresses(addresses);
  }

  /** Answers everybody who waits with what is known now. */
  settle(): void {
    this.impatience?.cancel();
    this.impatience = null;
    const waiting = this.waiting;
    this.waiting = new Set();
    for (const onDone of waiting) onDone(this.error, this.error === null ? this.addresses : []);
  }

  /** A fresh answer takes long: until it comes, nobody waits for it any more. */
  settleWithLastGood(): void {
    this.expiresMs = Infinity;
    this.settle();
  }
}

/**
 * The addresses to use: those of `answer`. If there are too many, those in use (`known`) come first, so that a name
 * service that changes the order in every answer changes nothing. If one family could not be asked for, its known
 * addresses stay.
 */
function choose(answer: NameAnswer, known: readonly string[]): readonly string[] {
  const { missingFamily } = answer;
  const found = [...new Set(answer.addresses)];
  const kept =
    missingFamily === null || found.length === 0 ? [] : known.filter((address) => ipVersion(address) === missingFamily);
  const all = [...found, ...kept];
  if (all.length <= maxAddresses) return all;
  const isKnown = new Set(known);
  return [...all.filter((address) => isKnown.has(address)), ...all.filter((address) => !isKnown.has(address))].slice(
    0,
    maxAddresses,
  );
}

function failure(host: string, code: string): ResolveError {
  // A shortage of this process says nothing about the endpoint.
  return new ResolveError(
    socketShortage(code, "tcp") === "sockets"
      ? "OVERLOADED"
      : code === "ETIMEOUT"
        ? "UPSTREAM_DNS_TIMEOUT"
        : "UPSTREAM_DNS_FAILED",
    host,
    code,
  );
}
