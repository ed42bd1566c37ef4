/**
 * Waiting without sleeping: whoever watches a condition is woken by the event that may have changed it.
 */

const waitLimitMs = 15_000;

const vain = (what: string | (() => string)): Error =>
  new Error(`waited in vain until ${typeof what === "string" ? what : what()}`);

/** Something whose state changes by events; `until` waits for a state. */
export class Signal {
  readonly #waiters = new Set<() => void>();

  /** Has every waiter look again. */
  notify(): void {
    for (const look of [...this.#waiters]) look();
  }

  /**
   * Resolves once `isTrue` holds, looking at every `notify`.
   * @throws when it does not hold within 15 s, or when `isTrue` throws; `what` names the awaited state in the error.
   */
  until(isTrue: () => boolean, what: string | (() => string)): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: unknown): void => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        try {
          if (isTrue()) finish();
        } catch (error) {
          finish(error);
        }
      };
      const timer = setTimeout(() => finish(vain(what)), waitLimitMs);
      this.#waiters.add(look);
      look();
    });
  }
}

/** Lets the event loop turn `count` times: what was written to a loopback socket of this process has then been read. */
export async function loopTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Resolves once `isTrue` holds, for states that announce no event: looks again turn by turn, then every few
 * milliseconds.
 */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  what: string | (() => string),
): Promise<void> {
  const limit = performance.now() + waitLimitMs;
  for (let turn = 0; !(await isTrue()); turn++) {
    if (performance.now() > limit) throw vain(what);
    if (turn < 50) await loopTurns(1);
    else await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}
