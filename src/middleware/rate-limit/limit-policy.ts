/**
 * The arithmetic of a limit: the generic cell rate algorithm (ITU-T I.371), with time in whole nanoseconds. A bucket is
 * one number, the theoretical arrival time: when the next request would be due if all so far had come at the exact
 * rate. A request passes if that is not more than the burst ahead of now.
 */
import type { Rate } from "../../base/units.ts";
import type { LimitDecision, LimitNumbers } from "../../store/limit-store.ts";

/** A rate with its burst, as numbers. */
export class LimitPolicy implements LimitNumbers {
  readonly burst: number;
  /** The time of one request. */
  readonly intervalNs: number;
  /** The time of the whole burst. */
  readonly windowNs: number;
  /** The field line that announces it (draft-ietf-httpapi-ratelimit-headers-11 section 3). */
  readonly policyField: string;
  readonly #limitStart: string;

  /** @param name a text without quotes and backslashes. @param burst null = the count of the rate */
  constructor(name: string, rate: Rate, burst: number | null) {
    this.burst = burst ?? rate.count;
    this.intervalNs = Math.max(1, Math.round((rate.perMs * 1e6) / rate.count));
    this.windowNs = this.intervalNs * this.burst;
    this.policyField = `RateLimit-Policy: "${name}";q=${this.burst};w=${Math.max(1, Math.ceil(this.windowNs / 1e9))}\r\n`;
    this.#limitStart = `RateLimit: "${name}";r=`;
  }

  /** Both field lines for an answer. The window is the time in which no more than `remaining` will pass. */
  fields({ remaining, waitMs }: LimitDecision): string {
    return `${this.#limitStart}${remaining};t=${toSeconds(waitMs)}\r\n${this.policyField}`;
  }
}

/** Whole seconds, rounded up, at least 1: never earlier than it would pass. */
export function toSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
