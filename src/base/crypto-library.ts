/**
 * `node:crypto`, loaded when it is first used: it takes some 10 ms of the start of a thread and 3 MiB of its memory, and
 * most threads do not use it. Whatever every start loads has it from here.
 */

type Crypto = typeof import("node:crypto");

// To ask Node.js again and again would cost more than to hash.
let crypto: Crypto | null = null;

/** `node:crypto`. */
export function cryptoLibrary(): Crypto {
  return (crypto ??= process.getBuiltinModule("node:crypto"));
}
