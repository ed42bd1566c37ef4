/** What a cache did for a request: the values of the metric's label and of the log's field. */

/** What a cache can do for a request, and what the reference says of it. */
export const cacheResults = {
  hit: "answered from the cache, fresh",
  stale: "answered from the cache although it is stale",
  revalidated: "answered from the cache, after the origin said that it still holds",
  collapsed: "answered with what another request was fetching",
  miss: "answered by the origin",
  bypass: "answered by the origin, and no business of the cache: another method, a request body, a login",
  refused: "not answered: it is not in the cache, and the request forbids to ask the origin",
} as const;

/** What a cache did for a request. */
export type CacheResult = keyof typeof cacheResults;
