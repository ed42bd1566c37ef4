/** A proxy under chaos: how it is configured, reloaded and asked what it did. */

/** What a proxy says of itself, counted since its start. */
export interface ProxyCounts {
  /** Tries of requests at endpoints. */
  readonly attempts: number;
  /** Tries beyond the first. */
  readonly retries: number;
  /** How often an endpoint was taken out of the rotation, by health checks or by live traffic. */
  readonly takenOut: number;
}

/** A proxy that is running. */
export interface RunningProxy {
  /**
   * Makes these the endpoints, without a restart. Resolves when the change holds, or has been asked for if that
   * cannot be known.
   */
  reload(endpointPorts: readonly number[]): Promise<void>;
  counts(): Promise<ProxyCounts>;
  stop(): Promise<void>;
}

/** A proxy that can be started. */
export interface ChaosProxy {
  readonly name: string;
  readonly title: string;
  version(): Promise<string | null>;
  start(listenPort: number, endpointPorts: readonly number[]): Promise<RunningProxy>;
}

/**
 * What every proxy is told, in milliseconds: how long to wait for a connection and for the first byte, and how often to
 * ask for health if it can.
 */
export const limits = { connect: 500, firstByte: 1000, healthInterval: 1000, healthTimeout: 500 } as const;
