/** CRC-32C (Castagnoli; RFC 3720 appendix B.4), which PROXY headers may carry. Bytes come in parts. */

let table: Uint32Array | null = null;

/** Made with the first one that is needed. */
function makeTable(): Uint32Array {
  const made = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0x82f63b78;
    made[byte] = sum >>> 0;
  }
  return made;
}

/** Sums up bytes. */
export class Crc32c {
  #sum = 0xffffffff;

  add(bytes: Buffer, start: number, end: number): void {
    table ??= makeTable();
    let sum = this.#sum;
    for (let at = start; at < end; at++) sum = (sum >>> 8) ^ table[(sum ^ bytes[at]!) & 255]!;
    this.#sum = sum >>> 0;
  }

  /** The sum of all that was added. */
  get value(): number {
    return (this.#sum ^ 0xffffffff) >>> 0;
  }
}
