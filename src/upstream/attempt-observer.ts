/**
 * Who watches the attempts of an upstream: latency averages, outlier detection, the circuit breaker. Called on the data
 * path by `forward/`, exactly once each an attempt, whatever becomes of it; an observer neither allocates nor throws.
 */
import type { Endpoint } from "./endpoint.ts";

/**
 * How an attempt ended. `answered`: with a complete answer, whatever its status; `connect`: no connection came about;
 * `reset`: the connection broke, before the answer or within it; `timeout`: no first byte in time, or a pause in the
 * answer that was too long; `malformed`: the answer was not HTTP; `cancelled`: for reasons that say nothing of the
 * endpoint (the client left, another attempt was faster, an old connection had been closed while idle, an upgrade was
 * refused by closing the connection).
 */
export type AttemptOutcome = "answered" | "connect" | "reset" | "timeout" | "malformed" | "cancelled";

/** Told of every attempt at the endpoints of an upstream, once when it begins and once when it ends. Must not throw. */
export interface AttemptObserver {
  onAttemptStart(endpoint: Endpoint): void;
  /**
   * @param status the endpoint's status, 0 where no head came
   * @param firstByteMs from the start of the attempt to the first byte of the answer; negative where none came
   */
  onAttemptEnd(endpoint: Endpoint, outcome: AttemptOutcome, status: number, firstByteMs: number): void;
}
