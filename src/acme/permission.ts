/**
 * Whether a certificate may be ordered for a name that a client has asked for: somebody is asked, and refusals are
 * remembered for a while, so that a client cannot have that asked again and again.
 */
import type { Clock } from "../base/clock.ts";
import type { OnDemandOptions } from "../net/tls/acme-options.ts";
import type { HttpClient } from "./client/https-request.ts";

/** What the decision needs. */
export interface PermissionParts {
  readonly options: OnDemandOptions;
  readonly http: HttpClient;
  readonly clock: Clock;
}

const refusalMs = 60_000;
const maxRefusals = 10_000;
/** More questions than this at a time: the others are refused, without being remembered. */
const maxQuestions = 32;

/** Asks, once for each name at a time. */
export class Permission {
  readonly #parts: PermissionParts;
  /** When a refusal is forgotten, by name, the oldest first. */
  readonly #refusals = new Map<string, number>();
  #questions = 0;
  /** Orders that may begin now, as a bucket that fills with time. */
  #tokens: number;
  #filledMs: number;

  constructor(parts: PermissionParts) {
    this.#parts = parts;
    this.#tokens = parts.options.rate.count;
    this.#filledMs = parts.clock.now();
  }

  /** It was refused lately: nothing needs to be asked. */
  isRefused(name: string): boolean {
    const untilMs = this.#refusals.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.#parts.clock.now()) return true;
    this.#refusals.delete(name);
    return false;
  }

  /** Whoever is asked allows it. */
  async ask(name: string): Promise<boolean> {
    if (this.isRefused(name) || this.#questions >= maxQuestions) return false;
    this.#questions++;
    try {
      const url = new URL(this.#parts.options.ask);
      url.searchParams.set("domain", name);
      const { status } = await this.#parts.http.send({ method: "GET", url: url.href });
      if (status >= 200 && status < 300) return true;
    } catch {
      // Who cannot be asked allows nothing.
    } finally {
      this.#questions--;
    }
    this.refuse(name);
    return false;
  }

  /** Remembers that nothing is to be done for this name for a while. */
  refuse(name: string): void {
    this.#refusals.delete(name);
    this.#refusals.set(name, this.#parts.clock.now() + refusalMs);
    if (this.#refusals.size <= maxRefusals) return;
    const [oldest] = this.#refusals.keys();
    if (oldest !== undefined) this.#refusals.delete(oldest);
  }

  /** Takes one order out of the rate. @returns false if there is none left */
  takeOrder(): boolean {
    const { count, perMs } = this.#parts.options.rate;
    const nowMs = this.#parts.clock.now();
    this.#tokens = Math.min(count, this.#tokens + ((nowMs - this.#filledMs) * count) / perMs);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
