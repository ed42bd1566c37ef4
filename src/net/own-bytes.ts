/**
 * Copies of bytes in memory of exactly their size, for bytes that may have to wait long for a slow peer. `Buffer.from`
 * cuts small buffers from a slab, and one small part in use keeps the whole slab in memory.
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
