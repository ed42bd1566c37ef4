/**
 * Joins bytes that come in pieces and must lie in one piece to be read. Room is left behind them, half as much as they
 * take: so the bytes of a peer that sends one at a time are copied a few times, not once for each byte that follows.
 */

/** Joins the pieces of one reader. What it returned before stays as it is: bytes are only ever added behind it. */
export class JoinedBytes {
  #store: Buffer | null = null;
  #used = 0;

  /**
   * Returns `before` followed by a copy of `chunk`. `before` is not copied if it is the end of what was returned last
   * and there is room behind it.
   */
  join(before: Buffer, chunk: Buffer): Buffer {
    let store = this.#store;
    const isLast =
      store !== null &&
      before.buffer === store.buffer &&
      before.byteOffset + before.length === store.byteOffset + this.#used;
    if (store === null || !isLast || store.length - this.#used < chunk.length) {
      const length = before.length + chunk.length;
      // Memory of its own, not a slice of a pool: it may be needed for as long as a slow peer takes.
      store = this.#store = Buffer.allocUnsafeSlow(length + (length >> 1) + 32);
      before.copy(store);
      this.#used = before.length;
    }
    chunk.copy(store, this.#used);
    this.#used += chunk.length;
    return store.subarray(this.#used - chunk.length - before.length, this.#used);
  }

  /** Nothing will be added: lets go of the memory. What was returned stays valid. */
  clear(): void {
    this.#store = null;
  }
}
