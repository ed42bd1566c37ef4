/** What all caches of a process share beside their stores, as one thread sees it. */
import type { SharedMemory } from "../base/shared-memory.ts";
import { InvalidationMarks } from "./purge/invalidation-marks.ts";
import { PurgeLog } from "./purge/purge-log.ts";

/** What each cache of a thread is handed. */
export interface CacheParts {
  readonly purges: PurgeLog;
  readonly invalidations: InvalidationMarks;
}

/** Opens what the control thread has reserved (`reserve-caches.ts`). */
export function openCacheParts({ memory }: { readonly memory: SharedMemory }): CacheParts {
  return { purges: PurgeLog.open(memory), invalidations: InvalidationMarks.open(memory) };
}
