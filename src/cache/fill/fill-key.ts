/**
 * What stands for a key in the shared tables of fills: 128 bits, two keyed hashes with secret seeds of their own. The
 * first 64 find the place, and the others tell keys apart that have the same first 64: whoever sends requests can
 * neither make two keys fall together nor fill one place with many.
 */
import { KeyedHash } from "../../base/keyed-hash.ts";

/** Random words that a table needs. */
export const seedWords = 4;

/** Hashes keys, for one thread. */
export interface KeyDigest {
  /** @param into four words, written from its beginning */
  digest(key: string, into: Int32Array): void;
}

/** The digest under `seeds`, which are the same in all threads that share a table. */
export function createKeyDigest(seeds: Int32Array): KeyDigest {
  const place = new KeyedHash(seeds[0]!, seeds[1]!);
  const check = new KeyedHash(seeds[2]!, seeds[3]!);
  return {
    digest(key, into) {
      place.update(key);
      check.update(key);
      into[0] = place.low;
      into[1] = place.high;
      into[2] = check.low;
      into[3] = check.high;
    },
  };
}
