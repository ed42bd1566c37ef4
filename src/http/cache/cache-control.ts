/**
 * Cache-Control of requests and answers (RFC 9111 section 5.2, RFC 5861). It is read so that every doubt makes for less
 * caching: what is spelt oddly counts as its strictest form if it restricts, and as absent if it permits. Never throws,
 * whatever comes, and takes linear time.
 */
import { isToken, toLowerAscii, trimOws } from "../field-text.ts";
import { readDirectives } from "./directive-list.ts";

/** What the directives of a message say. Seconds are whole, 0 to `maxDeltaSeconds`; null = it says nothing of it. */
export interface CacheDirectives {
  readonly noStore: boolean;
  /** no-cache without names: in answers and in requests. */
  readonly noCache: boolean;
  /** The fields of `no-cache="…"`, in lower case: they are not used without validation, so they are not stored. */
  readonly noCacheNames: readonly string[];
  /** private, also with names: some of it is for one user, so a shared cache keeps nothing. */
  readonly isPrivate: boolean;
  readonly isPublic: boolean;
  /** must-revalidate or proxy-revalidate. */
  readonly mustRevalidate: boolean;
  readonly mustUnderstand: boolean;
  /** It may answer requests with Authorization: public, must-revalidate or s-maxage, flawlessly spelt. */
  readonly isShared: boolean;
  readonly maxAgeSeconds: number | null;
  readonly sharedMaxAgeSeconds: number | null;
  readonly staleWhileRevalidateSeconds: number | null;
  readonly staleIfErrorSeconds: number | null;
  readonly maxStaleSeconds: number | null;
  readonly minFreshSeconds: number | null;
  readonly onlyIfCached: boolean;
}

/** The largest time that is told apart from for ever (RFC 9111 section 1.2.2). */
export const maxDeltaSeconds = 2 ** 31;

/** A message without directives. */
export const noDirectives: CacheDirectives = {
  noStore: false,
  noCache: false,
  noCacheNames: [],
  isPrivate: false,
  isPublic: false,
  mustRevalidate: false,
  mustUnderstand: false,
  isShared: false,
  maxAgeSeconds: null,
  sharedMaxAgeSeconds: null,
  staleWhileRevalidateSeconds: null,
  staleIfErrorSeconds: null,
  maxStaleSeconds: null,
  minFreshSeconds: null,
  onlyIfCached: false,
};

/** A directive as a field of whatever grammar has it. */
export interface Directive {
  /** As written. */
  readonly name: string;
  /** Without quotes; null if there is none. */
  readonly argument: string | null;
  /** It follows its grammar. If not, it counts as its strictest form if it restricts, and as absent if it permits. */
  readonly isWellFormed: boolean;
}

/** Reads a Cache-Control value, all lines together; null = there is none. Never throws. */
export function parseCacheControl(value: string | null): CacheDirectives {
  if (value === null) return noDirectives;
  const collected = new CollectedDirectives();
  const isWhole = readDirectives(value, (name, argument, isWellFormed) =>
    collected.take({ name, argument, isWellFormed }),
  );
  // A quoted string without an end may have swallowed anything.
  if (!isWhole) collected.take({ name: "no-store", argument: null, isWellFormed: false });
  return collected.directives;
}

type Draft = { -readonly [Key in keyof CacheDirectives]: CacheDirectives[Key] };

/** What a list of directives says together. */
export class CollectedDirectives {
  readonly #directives: Draft = { ...noDirectives };

  take(directive: Directive): void {
    takeInto(this.#directives, directive);
  }

  get directives(): CacheDirectives {
    return this.#directives;
  }
}

function takeInto(directives: Draft, directive: Directive): void {
  const isPlain = directive.isWellFormed && directive.argument === null;
  switch (toLowerAscii(directive.name)) {
    case "no-store":
      directives.noStore = true;
      break;
    case "no-cache":
      takeNoCache(directives, directive);
      break;
    case "private":
      directives.isPrivate = true;
      break;
    case "public":
      directives.isPublic ||= isPlain;
      directives.isShared ||= isPlain;
      break;
    case "must-revalidate":
      directives.mustRevalidate = true;
      directives.isShared ||= isPlain;
      break;
    case "proxy-revalidate":
      directives.mustRevalidate = true;
      break;
    case "must-understand":
      directives.mustUnderstand = true;
      break;
    case "only-if-cached":
      directives.onlyIfCached = true;
      break;
    case "max-age":
      directives.maxAgeSeconds = shorter(directives.maxAgeSeconds, directive);
      break;
    case "s-maxage":
      directives.sharedMaxAgeSeconds = shorter(directives.sharedMaxAgeSeconds, directive);
      directives.isShared ||= deltaSeconds(directive) !== null;
      break;
    case "stale-while-revalidate":
      directives.staleWhileRevalidateSeconds = shorter(directives.staleWhileRevalidateSeconds, directive);
      break;
    case "stale-if-error":
      directives.staleIfErrorSeconds = shorter(directives.staleIfErrorSeconds, directive);
      break;
    case "max-stale":
      // Without an argument: however stale it is (RFC 9111 section 5.2.1.2).
      directives.maxStaleSeconds = isPlain
        ? (directives.maxStaleSeconds ?? maxDeltaSeconds)
        : shorter(directives.maxStaleSeconds, directive);
      break;
    case "min-fresh":
      // A demand: the doubt is for the longest.
      directives.minFreshSeconds = Math.max(
        directives.minFreshSeconds ?? 0,
        deltaSeconds(directive) ?? maxDeltaSeconds,
      );
      break;
  }
}

/** `no-cache="a, b"` is about these fields alone; every other spelling is about the whole answer. */
function takeNoCache(directives: Draft, { argument, isWellFormed }: Directive): void {
  const names = isWellFormed && argument !== null ? argument.split(",").map(trimOws) : [];
  if (names.length > 0 && names.every(isToken))
    directives.noCacheNames = [...directives.noCacheNames, ...names.map(toLowerAscii)];
  else directives.noCache = true;
}

/** Of a directive that comes again the shortest time holds; what cannot be read is no time at all. */
function shorter(before: number | null, directive: Directive): number {
  const seconds = deltaSeconds(directive) ?? 0;
  return before === null ? seconds : Math.min(before, seconds);
}

/** RFC 9111 section 1.2.2; null if it is malformed. A quoted number is one (section 5.2). */
function deltaSeconds({ argument, isWellFormed }: Directive): number | null {
  if (!isWellFormed || argument === null || !/^[0-9]+$/.test(argument)) return null;
  return Math.min(Number(argument), maxDeltaSeconds);
}

/** The directives of a request; Pragma counts if there is no Cache-Control (RFC 9111 section 5.4). */
export function requestDirectives(request: { field(name: string): string | null }): CacheDirectives {
  const value = request.field("cache-control");
  if (value !== null) return parseCacheControl(value);
  const pragma = request.field("pragma");
  return pragma !== null && hasNoCache(pragma) ? validatesOnly : noDirectives;
}

const validatesOnly: CacheDirectives = { ...noDirectives, noCache: true };

function hasNoCache(pragma: string): boolean {
  let isFound = false;
  readDirectives(pragma, (name) => {
    if (toLowerAscii(name) === "no-cache") isFound = true;
  });
  return isFound;
}
