/**
 * The memory that stored bodies are copied out to, piece by piece. One buffer of 64 KiB serves again and again as long
 * as sinks give it back; what a sink keeps is replaced by memory of the size that is needed.
 */

/** The largest piece of a body that is given at once. */
export const pieceBytes = 65_536;

/** The memory of one thread. Each piece that was taken goes to `give` or to `keep`. */
export class CopyBuffer {
  #whole: Buffer | null = null;
  #isLent = false;

  /** Memory of `byteCount` bytes, up to `pieceBytes`. */
  take(byteCount: number): Buffer {
    if (this.#whole === null || this.#isLent) return Buffer.allocUnsafeSlow(byteCount);
    this.#isLent = true;
    return byteCount === pieceBytes ? this.#whole : this.#whole.subarray(0, byteCount);
  }

  /** The sink has given `piece` back. */
  give(piece: Buffer): void {
    if (this.#whole === null) this.#whole = Buffer.allocUnsafeSlow(pieceBytes);
    else if (this.#isLent && piece.buffer === this.#whole.buffer) this.#isLent = false;
  }

  /** The sink has kept `piece`: it is not ours any more. */
  keep(piece: Buffer): void {
    if (this.#whole === null || piece.buffer !== this.#whole.buffer) return;
    this.#whole = null;
    this.#isLent = false;
  }
}
