/**
 * Fast, well-mixed 32-bit hashing for spreading keys. Not for secrets, and not for tables that a peer could flood.
 */

/**
 * The finaliser of MurmurHash3 (public domain, Appleby): every input bit changes every output bit with a chance near
 * one half. 0 to 2^32 - 1.
 */
export function mix32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * MurmurHash3 (x86, 32 bits) over the UTF-16 units of `text`, one unit a block. 0 to 2^32 - 1; the same in every thread
 * and process.
 */
export function hash32(text: string, seed = 0): number {
  let hash = seed | 0;
  for (let index = 0; index < text.length; index++) {
    let block = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    block = Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash ^= block;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return mix32(hash ^ text.length);
}
