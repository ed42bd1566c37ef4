/** Where drafts of answers lie that are on their way to a Redis server: in the memory of the process. */
import type { CachePlace } from "../cache-place.ts";
import type { MemoryPlace } from "../memory/memory-control.ts";

/** Pages that no draft has used yet take no memory. */
const minBytes = 33_554_432;
/** So many of the largest bodies find room at a time, at least. */
const minDrafts = 4;

/** The memory for the drafts of a place. A store's name has no colon, so this is nobody else's. */
export function stagingOf({ name, maxObjectBytes }: Pick<CachePlace, "name" | "maxObjectBytes">): MemoryPlace {
  return { name: `${name}:drafts`, maxBytes: Math.max(minBytes, minDrafts * maxObjectBytes) };
}
