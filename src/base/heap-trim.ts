/**
 * Gives memory back if a thread is quiet. V8 collects garbage when memory is asked for: a thread that has nothing more to
 * do keeps what its start and its last load have left, half of its heap. Only whoever owns the process may do this.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const lookIntervalMs = 2_000;
/** Less than this is not worth it. */
const worthBytes = 2 << 20;
/** A thread that always has a little to do is not stopped again and again. */
const minGapMs = 30_000;
/**
 * How long a collection stops the thread for each MiB in use, if little of it is garbage; measured with 32 to 160 MiB of
 * small objects.
 */
const stopMsPerMib = 1.2;

/** When the heap of a thread may be trimmed. */
export interface HeapTrimOptions {
  /** A heap whose collection might stop the thread for longer is left to V8. In milliseconds. */
  readonly longestStopMs: number;
  /** A thread that was busy for less of the time since the last look is quiet. 0 to 1. */
  readonly quietUtilization: number;
}

/** A thread that serves requests: a hundred a second are no silence, and each would wait. Idle it is busy for 0.2 %. */
export const servingThreadTrim: HeapTrimOptions = { longestStopMs: 100, quietUtilization: 0.01 };
/** A thread that serves none. */
export const controlThreadTrim: HeapTrimOptions = { longestStopMs: 250, quietUtilization: 0.05 };

/** What is looked at, and done; replaced in tests. */
export interface HeapTrimParts {
  /** Milliseconds, of any beginning. */
  now(): number;
  /** Share of the time since the last call in which the thread was busy, 0 to 1. */
  readUtilization(): number;
  readHeap(): { readonly totalBytes: number; readonly usedBytes: number };
  /** Collects all garbage and gives free pages back. @returns false if that could not be done now */
  collect(): boolean;
}

/** Decides when the heap of its thread is trimmed. */
export class HeapTrim {
  readonly #parts: HeapTrimParts;
  readonly #maxUsedBytes: number;
  readonly #quietUtilization: number;
  #totalBytes = 0;
  #trimmedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: HeapTrimParts, { longestStopMs, quietUtilization }: HeapTrimOptions) {
    this.#parts = parts;
    this.#quietUtilization = quietUtilization;
    this.#maxUsedBytes = (longestStopMs / stopMsPerMib) * 2 ** 20;
  }

  /** Looks whether the thread is quiet and has much to give back, and trims the heap if so. */
  look(): void {
    const { now, readUtilization, readHeap, collect } = this.#parts;
    if (readUtilization() >= this.#quietUtilization || now() - this.#trimmedMs < minGapMs) return;
    const { totalBytes, usedBytes } = readHeap();
    if (totalBytes - this.#totalBytes < worthBytes || usedBytes > this.#maxUsedBytes) return;
    if (!collect()) return;
    this.#totalBytes = readHeap().totalBytes;
    this.#trimmedMs = now();
  }
}

/** Trims the heap of the calling thread from now on, whenever it is quiet. Keeps no thread alive. */
export function startTrimmingHeap(options: HeapTrimOptions): void {
  let before = performance.eventLoopUtilization();
  const trim = new HeapTrim(
    {
      now: () => performance.now(),
      readUtilization() {
        const current = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(current, before);
        before = current;
        return utilization;
      },
      readHeap() {
        const { total_heap_size: totalBytes, used_heap_size: usedBytes } = getHeapStatistics();
        return { totalBytes, usedBytes };
      },
      collect: collectGarbage,
    },
    options,
  );
  setInterval(() => trim.look(), lookIntervalMs).unref();
}

/** Other threads may take the flag back at any moment; so often is it set again. */
const maxTries = 5;

/**
 * Collects all garbage of the calling thread and gives free pages back. Any number of threads may call it at the same
 * time; one that others disturb again and again leaves it.
 * @returns whether anything was collected
 */
export function collectGarbage(): boolean {
  const gc = takeCollector();
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  return gc !== null;
}

/**
 * V8 gives its own function only to contexts that are made while a flag is set, which all threads share: another thread
 * that has just got its function takes the flag back.
 */
function takeCollector(): ((options: object) => void) | null {
  let gc: ((options: object) => void) | null = null;
  for (let tries = 0; gc === null && tries < maxTries; tries++) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext('typeof gc === "function" ? gc : null') as typeof gc;
    setFlagsFromString("--no-expose-gc");
  }
  return gc;
}
