/**
 * Active health checks of all upstreams, run by the control thread beside the traffic. Verdicts go into the endpoints'
 * shared states, where every proxy thread sees them at once; changes are also told to a listener. A check is known by
 * (upstream, endpoint, options): what a reload leaves as it was keeps its verdict, its counters and its rhythm.
 *
 * If requests pile up at an endpoint, its next check comes early: a frozen endpoint takes connections and does not
 * answer, and traffic shows that only when its timeouts are over.
 */
import type { RandomSource } from "../../base/random.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { type EndpointState, Health, type HealthName } from "../endpoint-state.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { HealthOptions } from "../health-options.ts";
import { CheckQueue } from "./check-queue.ts";
import { HealthJudge } from "./health-judge.ts";
import type { Probe, ProbeResult } from "./http-probe.ts";
import { createProbe } from "./tcp-probe.ts";

/** One endpoint to check. */
export interface HealthTarget {
  /** The upstream's name. */
  readonly upstream: string;
  readonly endpoint: EndpointSpec;
  readonly options: HealthOptions;
  readonly state: EndpointState;
}

/** The last result of a check. */
export interface LastCheck extends ProbeResult {
  /** When it was known, in milliseconds since the epoch. */
  readonly atWallMs: number;
}

/** An endpoint's health changed. */
export interface HealthEvent {
  readonly upstream: string;
  /** The endpoint's URL. */
  readonly endpoint: string;
  readonly from: HealthName;
  readonly to: HealthName;
  /** The last result in words, as in `ProbeResult`. */
  readonly reason: string;
  readonly lastCheck: LastCheck;
}

/** What is known about one check, for the admin interface and the metrics. */
export interface HealthStatus {
  readonly upstream: string;
  readonly endpoint: string;
  readonly health: HealthName;
  /** Null before the first result. */
  readonly lastCheck: LastCheck | null;
  /** Results since the check began. */
  readonly successes: number;
  readonly failures: number;
}

/** What a checker may be given; the defaults are for production. */
export interface HealthCheckerOptions {
  /** Called on each change of health, after the shared state holds it. Must not throw. */
  readonly onChange?: (event: HealthEvent) => void;
  /** Called after each check that passed. Must not throw. */
  readonly onPass?: (target: HealthTarget) => void;
  readonly scheduler?: Scheduler;
  readonly random?: RandomSource;
  readonly probe?: Probe;
  /** How many checks of one upstream may be under way at a time; its others wait. Default 1,024. */
  readonly maxConcurrent?: number;
}

/** An endpoint has one check under way at most, so this bounds only very large upstreams. */
const maxChecksOfUpstream = 1_024;
/**
 * How many new checks start at once. The others start at random within `startSpreadMs`, so that thousands of
 * connections are not opened in one turn.
 */
const startBurst = 64;
const startSpreadMs = 500;
/** Below this many more requests in flight, nothing piles up, whatever the number before. */
const leastPile = 4;

/** Checks endpoints until closed. */
export class HealthChecker {
  readonly #onChange: (event: HealthEvent) => void;
  readonly #onPass: (target: HealthTarget) => void;
  readonly #scheduler: Scheduler;
  readonly #random: RandomSource;
  readonly #probe: Probe;
  readonly #queue: CheckQueue;
  /** By upstream, then by identity. */
  readonly #checks = new Map<string, Map<string, Check>>();
  /** Those that have had no result yet. */
  readonly #unsettled = new Set<Check>();
  #firstRound = Promise.withResolvers<void>();

  constructor(options: HealthCheckerOptions = {}) {
    this.#onChange = options.onChange ?? (() => {});
    this.#onPass = options.onPass ?? (() => {});
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#random = options.random ?? Math.random;
    this.#probe = options.probe ?? createProbe(this.#scheduler);
    this.#queue = new CheckQueue(options.maxConcurrent ?? maxChecksOfUpstream);
    this.#firstRound.resolve();
  }

  /**
   * Settles when every check there is has had its first result. After an `update` that adds checks it is a new promise.
   */
  get firstRoundDone(): Promise<void> {
    return this.#firstRound.promise;
  }

  /**
   * Makes `targets` the endpoints that are checked. New checks start at once. An endpoint that is no longer checked
   * becomes unknown again, one whose options changed keeps its health until the first result under the new ones, which
   * decides, and its counters.
   */
  update(targets: readonly HealthTarget[]): void {
    const byUpstream = Map.groupBy(targets, ({ upstream }) => upstream);
    for (const upstream of this.#checks.keys()) if (!byUpstream.has(upstream)) byUpstream.set(upstream, []);
    const added: Check[] = [];
    for (const [upstream, its] of byUpstream) added.push(...this.#replace(upstream, its));
    this.#start(added);
  }

  /** As `update`, for the endpoints of one upstream; the others are checked as before. */
  updateUpstream(upstream: string, targets: readonly HealthTarget[]): void {
    this.#start(this.#replace(upstream, targets));
  }

  /** @returns the checks that are new */
  #replace(upstream: string, targets: readonly HealthTarget[]): Check[] {
    const previous = this.#checks.get(upstream) ?? new Map<string, Check>();
    const next = new Map<string, Check>();
    const added = new Map<string, Check>();
    for (const target of targets) {
      const key = identityOf(target);
      const kept = previous.get(key);
      if (kept !== undefined) kept.target = target;
      else added.set(target.endpoint.url, new Check(target));
      next.set(key, kept ?? added.get(target.endpoint.url)!);
    }
    if (next.size === 0) this.#checks.delete(upstream);
    else this.#checks.set(upstream, next);
    const stillChecked = new Set(targets.map(({ endpoint }) => endpoint.url));
    for (const [key, check] of previous) {
      if (next.has(key)) continue;
      const { endpoint, state } = check.target;
      this.#stop(check);
      added.get(endpoint.url)?.countOn(check);
      if (stillChecked.has(endpoint.url)) continue;
      state.isAnswering = true;
      state.health = Health.unknown;
    }
    return [...added.values()];
  }

  #start(added: readonly Check[]): void {
    for (const check of added) this.#unsettled.add(check);
    if (added.length > 0) {
      // Those who wait for the round before now wait for this one, which includes its checks.
      const earlier = this.#firstRound;
      this.#firstRound = Promise.withResolvers();
      void this.#firstRound.promise.then(earlier.resolve);
    }
    added.forEach((check, at) => {
      if (at < startBurst) this.#run(check);
      else
        check.next = this.#scheduler.after(
          this.#random() * Math.min(startSpreadMs, check.target.options.interval),
          () => this.#run(check),
        );
    });
    this.#settleFirstRound();
  }

  /** What is known about every check, in the order of the targets. */
  status(): HealthStatus[] {
    return Array.from(this.#all(), (check) => ({
      upstream: check.target.upstream,
      endpoint: check.target.endpoint.url,
      health: check.target.state.healthName,
      lastCheck: check.lastCheck,
      successes: check.successes,
      failures: check.failures,
    }));
  }

  /** Ends all checks and closes their connections. The endpoints' health stays as it is. */
  close(): void {
    for (const check of this.#all()) this.#stop(check);
    this.#checks.clear();
    this.#firstRound.resolve();
  }

  #run(check: Check): void {
    check.next = null;
    check.startedMs = this.#scheduler.clock.now();
    check.current = this.#queue.start(check.target.upstream, (onDone) => {
      check.startedMs = this.#scheduler.clock.now();
      return this.#probe(check.target.endpoint, check.target.options, (result) => {
        onDone();
        check.current = null;
        this.#conclude(check, result);
      });
    });
  }

  #conclude(check: Check, result: ProbeResult): void {
    const { options, state } = check.target;
    const { isSuccess } = result;
    if (isSuccess !== null) check.note(isSuccess);
    const isFirst = check.lastCheck === null;
    check.lastCheck = { ...result, atWallMs: this.#scheduler.clock.wall() };
    this.#unsettled.delete(check);
    check.inFlight = state.inFlight;
    const isSoon = isSuccess === null || check.judge.isWavering;
    const intervalMs =
      (isSoon ? Math.min(options.fastInterval, options.interval) : options.interval) *
      (1 + options.jitter * (2 * this.#random() - 1));
    this.#await(check, check.startedMs + intervalMs);
    if (isSuccess !== null) this.#publish(check, { ...check.lastCheck, isSuccess, isFirst });
    this.#settleFirstRound();
  }

  #publish(
    { target, judge }: Check,
    { isFirst, ...lastCheck }: LastCheck & { readonly isSuccess: boolean; readonly isFirst: boolean },
  ): void {
    const { isSuccess } = lastCheck;
    const { state, upstream, endpoint } = target;
    const from = state.healthName;
    state.isAnswering = isSuccess || lastCheck.status !== null;
    state.health = judge.isHealthy === true ? Health.healthy : Health.unhealthy;
    const to = state.healthName;
    // One that was taken for unhealthy, and is: that was not known before.
    if (from !== to || (isFirst && !isSuccess))
      this.#onChange({ upstream, endpoint: endpoint.url, from, to, reason: lastCheck.reason, lastCheck });
    if (isSuccess) this.#onPass(target);
  }

  /** Runs `check` when it is due, or at one of the looks until then. */
  #await(check: Check, dueMs: number): void {
    const leftMs = Math.max(0, dueMs - this.#scheduler.clock.now());
    const { fastInterval } = check.target.options;
    const isLook = leftMs > fastInterval;
    check.next = this.#scheduler.after(isLook ? fastInterval : leftMs, () =>
      isLook && !check.isPilingUp ? this.#await(check, dueMs) : this.#run(check),
    );
  }

  #settleFirstRound(): void {
    if (this.#unsettled.size === 0) this.#firstRound.resolve();
  }

  *#all(): Generator<Check> {
    for (const checks of this.#checks.values()) yield* checks.values();
  }

  #stop(check: Check): void {
    this.#unsettled.delete(check);
    check.current?.cancel();
    check.next?.cancel();
  }
}

/** One endpoint under check. */
class Check {
  target: HealthTarget;
  readonly judge = new HealthJudge();
  successes = 0;
  failures = 0;
  lastCheck: LastCheck | null = null;
  /** The check that is under way or waits for its turn. */
  current: ScheduledCall | null = null;
  startedMs = 0;
  /** The timer of the next check, or of the look before it. */
  next: ScheduledCall | null = null;
  /** Requests in flight at the endpoint after the last check. */
  inFlight = 0;

  constructor(target: HealthTarget) {
    this.target = target;
  }

  /** Far more requests are in flight than after the last check. */
  get isPilingUp(): boolean {
    return this.target.state.inFlight >= 2 * this.inFlight + leastPile;
  }

  /** Takes a result into account. */
  note(isSuccess: boolean): void {
    this.judge.judge(isSuccess, this.target.options);
    if (isSuccess) this.successes++;
    else this.failures++;
  }

  /** Takes over the counters of the check that this one replaces. */
  countOn({ successes, failures }: Check): void {
    this.successes = successes;
    this.failures = failures;
  }
}

function identityOf(target: HealthTarget): string {
  const { path, timeout, expect, host, tcp, interval, fastInterval, rise, fall, jitter } = target.options;
  const { tls } = target.endpoint;
  return JSON.stringify([
    target.endpoint.url,
    target.endpoint.identity ?? null,
    target.endpoint.isLenient ?? false,
    target.endpoint.proxyProtocol ?? null,
    tls?.verify,
    tls?.serverName,
    tls?.minVersion,
    tls?.texts.id,
    path,
    timeout,
    expect,
    host,
    tcp,
    interval,
    fastInterval,
    rise,
    fall,
    jitter,
  ]);
}
