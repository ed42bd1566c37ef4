/** One at a time, in the order of asking, for work that waits in the middle. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Waits until everybody who entered before has left. @returns what must be called once, to leave. */
  async enter(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = before.then(() => promise);
    await before;
    return resolve;
  }

  /** Does `work` when it is its turn; the next may enter when that has settled. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const leave = await this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
