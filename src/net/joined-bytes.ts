/**
 * Bytes that come in pieces and must lie in one piece to be read. Room is left behind them, half as much as they take:
 * a peer that sends a byte at a time costs the copying of its bytes a few times over, not once for each byte that
 * follows.
 */

/** One a reader. What came out before stays as it is: bytes are only ever added behind it. */
export class JoinedBytes {
  #store: Buffer | null = null;
  #used = 0;

  /**
   * `before` and behind it a copy of `chunk`. Nothing of `before` is copied where it is the end of what came out last
   * and there is room.
   */
  join(before: Buffer, chunk: Buffer): Buffer {
    let store = this.#store;
    const isLast =
      store !== null &&
      before.buffer === store.buffer &&
      before.byteOffset + before.length === store.byteOffset + this.#used;
    if (store === null || !isLast || store.length - this.#used < chunk.length) {
      const length = before.length + chunk.length;
      // Of its own, not a slice of a pool: it may stay as long as a slow peer likes.
      store = this.#store = Buffer.allocUnsafeSlow(length + (length >> 1) + 32);
      before.copy(store);
      this.#used = before.length;
    }
    chunk.copy(store, this.#used);
    this.#used += chunk.length;
    return store.subarray(this.#used - chunk.length - before.length, this.#used);
  }

  /** Nothing will be added: the memory is let go, unless somebody still holds what came out. */
  clear(): void {
    this.#store = null;
  }
}
