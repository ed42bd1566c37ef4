/** Doorbells of threads that are one thread, for tests. */
import type { Bells } from "../memory-window.ts";

/** Rings listeners in another turn, as a doorbell does. */
export class LocalBells {
  readonly #listeners = new Map<number, Set<() => void>>();

  ring(mask: number): void {
    setImmediate(() => {
      for (const [stripeIndex, listeners] of this.#listeners)
        if ((mask & (1 << stripeIndex)) !== 0) for (const run of [...listeners]) run();
    });
  }

  /** Those of one thread. */
  of(stripeIndex: number): Bells {
    const own = this.#listeners.get(stripeIndex) ?? new Set<() => void>();
    this.#listeners.set(stripeIndex, own);
    return {
      ownMask: 1 << stripeIndex,
      ring: (mask) => this.ring(mask),
      listen: (run) => {
        own.add(run);
        return { close: () => void own.delete(run) };
      },
    };
  }
}
