/** Reads what somebody asks to purge. */
import { maxPurgeBytes, type Purge } from "./purge.ts";
import { readPurgeUrl } from "./purge-url.ts";

/** How many URLs or tags one request may name. */
const maxItems = 1_024;

const ways = ["url", "urls", "prefix", "tag", "tags", "all"] as const;

type Way = (typeof ways)[number];

/**
 * The purges that `request` asks for.
 * @param request a `PurgeRequest`, but nobody has checked it
 * @returns a sentence if it is none
 */
export function readPurgeRequest(request: unknown): Purge[] | string {
  if (typeof request !== "object" || request === null || Array.isArray(request))
    return `A purge is an object with one of ${listOf(ways)}.`;
  const { soft = false, ...rest } = request as Record<string, unknown>;
  if (typeof soft !== "boolean") return '"soft" is true or false.';
  const keys = Object.keys(rest);
  const unknown = keys.find((key) => !ways.includes(key as Way));
  if (unknown !== undefined) return `A purge has no ${JSON.stringify(unknown)}; it has one of ${listOf(ways)}.`;
  if (keys.length !== 1) return `A purge names exactly one of ${listOf(ways)}.`;
  const way = keys[0] as Way;
  const items = itemsOf(way, rest[way]);
  if (typeof items === "string") return items;
  const purges: Purge[] = [];
  for (const item of items) {
    const purge = readItem(way, item, soft);
    if (typeof purge === "string") return purge;
    purges.push(purge);
  }
  return purges;
}

function itemsOf(way: Way, value: unknown): readonly string[] | string {
  if (way === "all") return value === true ? [""] : '"all" can only be true.';
  if (way === "url" || way === "prefix" || way === "tag")
    return typeof value === "string" ? [value] : `"${way}" is a text.`;
  if (!Array.isArray(value) || value.length === 0 || !value.every((item) => typeof item === "string"))
    return `"${way}" is a list of texts.`;
  return value.length <= maxItems ? value : `"${way}" names more than ${maxItems}.`;
}

function readItem(way: Way, item: string, isSoft: boolean): Purge | string {
  switch (way) {
    case "url":
    case "urls":
    case "prefix": {
      const value = readPurgeUrl(item);
      if (value === null)
        return `${shown(item)} is not the URL of something stored: it begins with http:// or https:// and a host, as in https://example.com/news/.`;
      return limited({ kind: way === "prefix" ? "prefix" : "url", value, isSoft });
    }
    case "tag":
    case "tags":
      if (item === "") return "A tag is not empty.";
      // Tags are compared with the bytes of fields, which are read as latin1.
      return limited({ kind: "tag", value: Buffer.from(item, "utf8").toString("latin1"), isSoft });
    case "all":
      return { kind: "all", value: "", isSoft };
  }
}

function limited(purge: Purge): Purge | string {
  return purge.value.length <= maxPurgeBytes
    ? purge
    : `What is purged is named in at most ${maxPurgeBytes} bytes, and this has ${purge.value.length}.`;
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 200 ? text : `${text.slice(0, 200)}…`);
}

function listOf(names: readonly string[]): string {
  return `${names
    .slice(0, -1)
    .map((name) => `"${name}"`)
    .join(", ")} and "${names.at(-1)}"`;
}
