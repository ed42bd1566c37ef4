/**
 * Bytes in memory of their own size, for what has to wait as long as a slow peer likes. `Buffer.from` cuts small ones
 * from a slab, and the smallest part of a slab keeps all of it.
 */

/** A copy of `bytes[0, end)`. */
export function ownCopy(bytes: Buffer, end = bytes.length): Buffer {
  const copy = Buffer.allocUnsafeSlow(end);
  bytes.copy(copy, 0, 0, end);
  return copy;
}

/** The bytes of `text` (latin1). */
export function ownBytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.latin1Write(text, 0);
  return bytes;
}
