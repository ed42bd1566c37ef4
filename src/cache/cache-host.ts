/** What a thread lends to its windows on places of answers. */
import type { SharedMemory } from "../base/shared-memory.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { ServerNames } from "../store/redis-connection.ts";

/** The parts of a data plane that places of answers use. */
export interface CacheHost {
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly wheel: TimerWheel;
  readonly metrics: MetricWriter;
  readonly logger: Logger;
  readonly warnings: WarningSink;
  /** How the names of servers are resolved. */
  readonly names: ServerNames;
  /** Takes exceptions that are bugs of ours. */
  readonly onInternalError: (error: unknown) => void;
}
