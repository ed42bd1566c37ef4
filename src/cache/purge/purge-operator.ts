/** Purges as people and programs ask for them. Types only, since they are public. */

/**
 * What is to be purged, and how; exactly one of the ways to name it.
 *
 * @example
 * ```ts
 * import type { PurgeRequest } from "millrace";
 *
 * const article: PurgeRequest = { url: "https://example.com/news/1" };
 * const section: PurgeRequest = { prefix: "https://example.com/news/", soft: true };
 * const author: PurgeRequest = { tags: ["author-7", "author-8"] };
 * const everything: PurgeRequest = { all: true };
 * ```
 */
export type PurgeRequest = (
  | {
      /** The URL as clients ask for it, with its query; all its variants, in all routes. */
      readonly url: string;
    }
  | { readonly urls: readonly string[] }
  | {
      /** What the URLs begin with, from the scheme on. It is no pattern. */
      readonly prefix: string;
    }
  | {
      /** A tag, as answers carry it in the fields that `cache.tags` names. */
      readonly tag: string;
    }
  | { readonly tags: readonly string[] }
  | { readonly all: true }
) & {
  /**
   * The answers become stale instead of being removed: the next request validates them, and the rules about stale
   * answers hold. Default: false.
   */
  readonly soft?: boolean;
};

/**
 * How a purge went. It holds in all threads when it is told.
 *
 * @example
 * ```ts
 * import type { PurgeReport } from "millrace";
 *
 * const describe = ({ purged }: PurgeReport): string => (purged === null ? "purged" : `${purged} purged`);
 * ```
 */
export interface PurgeReport {
  /** How many stored answers it concerned; null: the stores are still counting, or none counts. Answers in Redis are never counted. */
  readonly purged: number | null;
  /**
   * Stores that could not make it last, each with the reason: what a disk holds may come back with the next start, other
   * instances may still serve what Redis holds. Empty if all is well.
   */
  readonly failures: readonly { readonly store: string; readonly reason: string }[];
}

/**
 * What can be done to the response caches of a proxy.
 *
 * @example
 * ```ts
 * import type { CacheOperator, Proxy } from "millrace";
 *
 * async function onPublish(proxy: Proxy, article: number): Promise<number | null> {
 *   const cache: CacheOperator = proxy.cache;
 *   const { purged } = await cache.purge({ tag: `article-${article}` });
 *   return purged;
 * }
 * ```
 */
export interface CacheOperator {
  /**
   * Makes sure that stored answers are not used any more, in all threads and, through Redis, in all instances. Also what
   * is being fetched at this moment is not stored.
   * @throws RangeError with a sentence if the request names nothing that can be purged; Error if there are too many
   *   purges at once
   */
  purge(request: PurgeRequest): Promise<PurgeReport>;
}
