/**
 * Passive health: watches the attempts of an upstream and ejects an endpoint that fails several in a row, over all
 * threads. The `EjectionKeeper` in the control thread brings it back. Only if all endpoints that are left fail, too, an
 * endpoint is brought back here: then none is worse than the others, and the first to recover must be found. What only
 * a client did never counts: its 4xx, its leaving, its slowness.
 */
import type { Clock } from "../base/clock.ts";
import { sharedClock } from "../base/shared-clock.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import type { AttemptObserver, AttemptOutcome } from "./attempt-observer.ts";
import { EjectionRecord } from "./ejection-record.ts";
import { EndpointFlag } from "./endpoint-state.ts";
import type { Endpoint } from "./endpoint.ts";
import type { OutlierOptions } from "./outlier-options.ts";

/** What a detector is made from. */
export interface OutlierParts {
  readonly upstreamName: string;
  readonly options: OutlierOptions;
  readonly endpoints: readonly Endpoint[];
  readonly memory: SharedMemory;
  /** Called when this thread has ejected `endpoint`. */
  readonly onEject: (endpoint: Endpoint, durationMs: number) => void;
  /** Called when this thread has brought `endpoint` back. */
  readonly onReturn: (endpoint: Endpoint) => void;
  /** The same scale in all threads; default: the machine's. */
  readonly clock?: Clock;
  /** The one of the list before, whose windows are used on. Default: none. */
  readonly previous?: OutlierDetector | null;
}

/** An endpoint is out for at least so long, or for its ejection time if that is shorter, even if all others fail. */
const leastMs = 2_000;

/** Does this outcome of an attempt count as a failure of its endpoint? */
function isEndpointFailure(outcome: AttemptOutcome, status: number, statuses: readonly number[]): boolean {
  return outcome === "answered" ? status >= 500 && statuses.includes(status) : outcome !== "cancelled";
}

/** Watches the attempts of one thread at one upstream and ejects endpoints. */
export class OutlierDetector implements AttemptObserver {
  readonly #options: OutlierOptions;
  readonly #endpoints: readonly Endpoint[];
  readonly #records: ReadonlyMap<Endpoint, EjectionRecord>;
  readonly #maxEjected: number;
  readonly #onEject: OutlierParts["onEject"];
  readonly #onReturn: OutlierParts["onReturn"];
  readonly #clock: Clock;

  constructor(parts: OutlierParts) {
    const { options, endpoints } = parts;
    this.#options = options;
    this.#endpoints = endpoints;
    const known = parts.previous == null ? null : parts.previous.#records;
    this.#records = new Map(
      endpoints.map((endpoint) => [
        endpoint,
        known?.get(endpoint) ?? EjectionRecord.open(parts.memory, parts.upstreamName, endpoint.name),
      ]),
    );
    this.#maxEjected = Math.max(1, Math.floor((endpoints.length * options.maxEjectedPercent) / 100));
    this.#onEject = parts.onEject;
    this.#onReturn = parts.onReturn;
    this.#clock = parts.clock ?? sharedClock;
  }

  onAttemptStart(): void {}

  onAttemptEnd(endpoint: Endpoint, outcome: AttemptOutcome, status: number): void {
    if (outcome === "cancelled") return;
    const record = this.#records.get(endpoint);
    // It is gone from the list, or was not in it when the attempt began.
    if (record === undefined || endpoint.isGone) return;
    if (!isEndpointFailure(outcome, status, this.#options.statuses)) record.noteSuccess();
    else if (record.noteFailure() >= this.#options.consecutiveErrors) this.#eject(endpoint, record);
  }

  #eject(endpoint: Endpoint, record: EjectionRecord): void {
    // Attempts that were under way when it was ejected, or became unhealthy, tell nothing new.
    if (!endpoint.isAvailable) return;
    if (!this.#hasRoom(endpoint)) {
      this.#bringBack();
      return;
    }
    const now = this.#clock.now();
    // Several threads may come here with the same failures.
    if (!record.claim(this.#options.consecutiveErrors)) return;
    const durationMs = record.begin(now, this.#options);
    endpoint.state.setFlag(EndpointFlag.ejected);
    // Another thread may have ejected another endpoint in the same moment: then neither stays ejected, and the next
    // failures decide.
    if (this.#hasRoom(endpoint)) {
      this.#onEject(endpoint, durationMs);
      return;
    }
    record.forgive(now);
    endpoint.state.clearFlag(EndpointFlag.ejected);
  }

  /** If every endpoint that serves fails, those that have been out for a while serve again. */
  #bringBack(): void {
    const now = this.#clock.now();
    for (const endpoint of this.#endpoints) {
      if (
        endpoint.isAvailable &&
        endpoint.weight > 0 &&
        this.#records.get(endpoint)!.failures < this.#options.consecutiveErrors
      )
        return;
    }
    for (const endpoint of this.#endpoints) {
      const record = this.#records.get(endpoint)!;
      if (!endpoint.state.hasFlag(EndpointFlag.ejected) || now < record.beganMs + leastMs) continue;
      record.forgive(now);
      endpoint.state.clearFlag(EndpointFlag.ejected);
      this.#onReturn(endpoint);
    }
  }

  /** Do the others allow that `endpoint` is ejected? */
  #hasRoom(endpoint: Endpoint): boolean {
    let ejected = 0;
    let serving = 0;
    for (const other of this.#endpoints) {
      if (other === endpoint) continue;
      if (other.state.hasFlag(EndpointFlag.ejected)) ejected++;
      else if (other.isAvailable && other.weight > 0) serving++;
    }
    return ejected < this.#maxEjected && serving > 0;
  }
}
