/** What all caches of a process share beside their stores, as one thread sees it. */
import { Doorbells } from "./fill/doorbells.ts";
import { Fills } from "./fill/fills.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import { SteadyClock } from "../base/steady-clock.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { InvalidationMarks } from "./purge/invalidation-marks.ts";
import { PurgeLog } from "./purge/purge-log.ts";

/** What each cache of a thread is handed. */
export interface CacheParts {
  readonly purges: PurgeLog;
  readonly invalidations: InvalidationMarks;
  readonly fills: Fills;
  /** Wakes other threads, and this one. */
  readonly doorbells: Doorbells;
  /** Of all times in stored answers. */
  readonly clock: SteadyClock;
}

/** What of the thread the parts need. */
export interface PartsHost {
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly wheel: TimerWheel;
  readonly onInternalError: (error: unknown) => void;
}

/** Opens what the control thread has reserved (`reserve-caches.ts`). */
export function openCacheParts({ memory, stripeIndex, stripes, wheel, onInternalError }: PartsHost): CacheParts {
  const doorbells = Doorbells.open(memory, stripeIndex, stripes, onInternalError);
  return {
    purges: PurgeLog.open(memory),
    invalidations: InvalidationMarks.open(memory),
    fills: new Fills({ memory, stripeIndex, stripes, wheel, doorbells, onInternalError }),
    doorbells,
    clock: SteadyClock.open(memory, wheel.clock),
  };
}

/** Ends what a thread that ends has under way. */
export function closeCacheParts({ fills, doorbells }: CacheParts): void {
  fills.close();
  doorbells.close();
}
