/** The control thread's part of a place of answers: purges, and how full it is. */
import type { SharedMemory } from "../base/shared-memory.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { PurgeSweeper } from "./purge/purge-sweeper.ts";

/** How full a place is. */
export interface StoreFill {
  /** Answers; null: nobody counts them. */
  readonly objects: number | null;
  /** Bytes that are taken, with everything that belongs to answers; null: nobody counts them. */
  readonly bytes: number | null;
  readonly maxBytes: number | null;
  /** Answers that have given way to others since the place was opened first; absent: nobody counts them. */
  readonly evictions?: number;
}

/** One for each place, beside the windows of the threads. */
export interface StoreControl extends PurgeSweeper {
  fill(): StoreFill;
  /** The configuration has no such place any more, or the proxy ends. */
  close(): void | Promise<void>;
}

/** What the control thread lends to it. */
export interface StoreControlHost {
  readonly memory: SharedMemory;
  /** How many threads there may be. */
  readonly stripes: number;
  readonly metrics: MetricWriter;
  readonly logger: Logger;
  readonly warnings: WarningSink;
}
