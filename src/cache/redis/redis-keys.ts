/** The keys that caches have in a server. */

/** What keys begin with, or whole keys. */
export interface RedisKeys {
  /** Before the name of an answer. */
  readonly answers: string;
  /** Before the id of a body, a colon and the number of a piece. */
  readonly pieces: string;
  /** The logs of purges, as `scripts.ts` keeps them. */
  readonly purges: string;
  readonly prefixes: string;
}

/** The keys below the prefix of a store. */
export function redisKeysOf(prefix: string): RedisKeys {
  return {
    answers: `${prefix}cache:answer:`,
    pieces: `${prefix}cache:body:`,
    purges: `${prefix}cache:purges`,
    prefixes: `${prefix}cache:purged-prefixes`,
  };
}
