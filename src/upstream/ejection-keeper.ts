/**
 * Ends the ejections of outlier detection, in the control thread: when their time is over, when an active health check
 * passes, or when detection is switched off.
 */
import { sharedClock } from "../base/shared-clock.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import type { EjectionRecord } from "./ejection-record.ts";
import { EndpointFlag, type EndpointState } from "./endpoint-state.ts";

/** An endpoint that may be ejected. */
export interface EjectionTarget {
  readonly upstream: string;
  /** The endpoint's URL. */
  readonly endpoint: string;
  readonly state: EndpointState;
  /** Null if detection is off. */
  readonly record: EjectionRecord | null;
}

/** What an `EjectionKeeper` is made of. */
export interface EjectionKeeperOptions {
  /** Called when the ejection of `target` has ended. */
  readonly onReturn: (target: EjectionTarget, cause: "time" | "health check") => void;
  readonly scheduler?: Scheduler;
}

/** An ejection ends at most this late. */
const intervalMs = 200;

/** Looks after ejected endpoints until it is closed. */
export class EjectionKeeper {
  readonly #onReturn: EjectionKeeperOptions["onReturn"];
  readonly #scheduler: Scheduler;
  /** By upstream. */
  readonly #targets = new Map<string, readonly EjectionTarget[]>();
  #next: ScheduledCall | null = null;

  constructor({ onReturn, scheduler = systemScheduler }: EjectionKeeperOptions) {
    this.#onReturn = onReturn;
    this.#scheduler = scheduler;
  }

  /** Makes `targets` the endpoints of `upstream` that are looked after; those of others are as before. */
  update(upstream: string, targets: readonly EjectionTarget[]): void {
    for (const { state, record } of targets) if (record === null) state.clearFlag(EndpointFlag.ejected);
    const ejectable = targets.filter(({ record }) => record !== null);
    if (ejectable.length === 0) this.#targets.delete(upstream);
    else this.#targets.set(upstream, ejectable);
    if (this.#targets.size > 0) this.#next ??= this.#scheduler.after(intervalMs, this.#look);
  }

  /** Looks no longer after the endpoints of upstreams that `isKept` refuses. */
  keep(isKept: (upstream: string) => boolean): void {
    for (const upstream of this.#targets.keys()) if (!isKept(upstream)) this.#targets.delete(upstream);
  }

  /**
   * A health check of the endpoint passed. That ends a first ejection. If traffic has had the endpoint ejected again
   * since, checks do not see what traffic sees: then only a check that passes after one that failed (`recovery`) ends
   * the ejection.
   */
  notePass(upstream: string, endpoint: string, kind: "pass" | "recovery"): void {
    for (const target of this.#targets.get(upstream) ?? []) {
      if (target.endpoint !== endpoint || !target.state.hasFlag(EndpointFlag.ejected)) continue;
      if (kind === "recovery" || target.record!.isFirst) this.#bringBack(target, "health check");
    }
  }

  close(): void {
    this.#next?.cancel();
    this.#next = null;
    this.#targets.clear();
  }

  readonly #look = (): void => {
    this.#next = this.#targets.size > 0 ? this.#scheduler.after(intervalMs, this.#look) : null;
    const now = this.#now();
    for (const targets of this.#targets.values()) {
      for (const target of targets)
        if (target.state.hasFlag(EndpointFlag.ejected) && now >= target.record!.endsMs) this.#bringBack(target, "time");
    }
  };

  #bringBack(target: EjectionTarget, cause: "time" | "health check"): void {
    target.record!.end(this.#now());
    target.state.clearFlag(EndpointFlag.ejected);
    this.#onReturn(target, cause);
  }

  #now(): number {
    return this.#scheduler === systemScheduler ? sharedClock.now() : this.#scheduler.clock.now();
  }
}
