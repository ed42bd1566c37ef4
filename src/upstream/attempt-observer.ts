/**
 * The contract of what watches the attempts of an upstream: latency averages, outlier detection, the circuit breaker.
 * `forward/` calls each method exactly once for each attempt, whatever its outcome, on the data path: an observer
 * neither allocates nor throws.
 */
import type { Endpoint } from "./endpoint.ts";

/**
 * How an attempt ended. `answered`: with a complete answer, whatever its status; `connect`: no connection came about;
 * `reset`: the connection broke, before the answer or within it; `timeout`: no first byte in time, or a pause in the
 * answer that was too long; `malformed`: the answer was not HTTP; `cancelled`: for reasons that say nothing about the
 * endpoint (the client left, another attempt was faster, an old connection had been closed while idle, an upgrade was
 * refused by closing the connection).
 */
export type AttemptOutcome = "answered" | "connect" | "reset" | "timeout" | "malformed" | "cancelled";

/** Told of every attempt at the endpoints of an upstream, once when it begins and once when it ends. Must not throw. */
export interface AttemptObserver {
  onAttemptStart(endpoint: Endpoint): void;
  /**
   * @param status the endpoint's status, 0 if no head came
   * @param firstByteMs from the start of the attempt to the first byte of the answer; negative if none came
   */
  onAttemptEnd(endpoint: Endpoint, outcome: AttemptOutcome, status: number, firstByteMs: number): void;
}
