import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CacheDirectives, noDirectives, parseCacheControl, requestDirectives } from "./cache-control.ts";

const for2to31 = 2 ** 31;

/** What differs from a message without directives. */
function said(value: string): Partial<CacheDirectives> {
  const directives = parseCacheControl(value);
  return Object.fromEntries(
    Object.entries(directives).filter(
      ([name, one]) => JSON.stringify(one) !== JSON.stringify(noDirectives[name as keyof CacheDirectives]),
    ),
  );
}

const table: readonly (readonly [value: string, said: Partial<CacheDirectives>])[] = [
  ["", {}],
  [" , ,, ", {}],
  ["max-age=3600", { maxAgeSeconds: 3600 }],
  ["MaX-aGe=3600", { maxAgeSeconds: 3600 }],
  ['max-age="3600"', { maxAgeSeconds: 3600 }],
  ["max-age=003600", { maxAgeSeconds: 3600 }],
  ["max-age=2147483649", { maxAgeSeconds: for2to31 }],
  ["max-age=99999999999999999999999", { maxAgeSeconds: for2to31 }],
  // Malformed freshness is none, and never left to a guess.
  ["max-age", { maxAgeSeconds: 0 }],
  ["max-age=", { maxAgeSeconds: 0 }],
  ["max-age=-1", { maxAgeSeconds: 0 }],
  ["max-age='3600'", { maxAgeSeconds: 0 }],
  ["max-age=3600.0", { maxAgeSeconds: 0 }],
  ["max-age=a3600", { maxAgeSeconds: 0 }],
  ["max-age=3600a", { maxAgeSeconds: 0 }],
  ["max-age =3600", { maxAgeSeconds: 0 }],
  ["max-age= 3600", { maxAgeSeconds: 0 }],
  ["max-age=1e3", { maxAgeSeconds: 0 }],
  ["max-age=0x10", { maxAgeSeconds: 0 }],
  ["public; max-age=30", {}],
  ["max-age=60; public", { maxAgeSeconds: 0 }],
  // The shortest of several holds.
  ["max-age=1800, max-age=1", { maxAgeSeconds: 1 }],
  ["max-age=1, max-age=1800", { maxAgeSeconds: 1 }],
  ["max-age=60, max-age=x", { maxAgeSeconds: 0 }],
  ['extension="max-age=3600", max-age=1', { maxAgeSeconds: 1 }],
  ['max-age="1", extension="max-age=3600"', { maxAgeSeconds: 1 }],
  ['extension="a\\", no-store", max-age=1', { maxAgeSeconds: 1 }],
  ["foobar, max-age=5", { maxAgeSeconds: 5 }],
  ["s-maxage=5", { sharedMaxAgeSeconds: 5, isShared: true }],
  ["s-maxage=x", { sharedMaxAgeSeconds: 0 }],
  ["stale-while-revalidate=5, stale-if-error=6", { staleWhileRevalidateSeconds: 5, staleIfErrorSeconds: 6 }],
  ["stale-while-revalidate", { staleWhileRevalidateSeconds: 0 }],
  // Restrictions count however they are spelt.
  ["no-store", { noStore: true }],
  ["No-StOrE", { noStore: true }],
  ["no-store=1", { noStore: true }],
  ['no-store="x"', { noStore: true }],
  ["no-store;", { noStore: true }],
  ["private", { isPrivate: true }],
  ['private="x"', { isPrivate: true }],
  ['private="x, private="y"', { isPrivate: true, noStore: true }],
  ["private=", { isPrivate: true }],
  ["private=x", { isPrivate: true }],
  ["no-cache", { noCache: true }],
  ['no-cache="a, B"', { noCacheNames: ["a", "b"] }],
  ['no-cache="a", no-cache="b"', { noCacheNames: ["a", "b"] }],
  ['no-cache="a", no-cache', { noCache: true, noCacheNames: ["a"] }],
  ['no-cache=""', { noCache: true }],
  ['no-cache="a b"', { noCache: true }],
  ['no-cache="a,"', { noCache: true }],
  ["no-cache=a", { noCacheNames: ["a"] }],
  ["no-cache=", { noCache: true }],
  ['no-cache="a', { noCache: true, noStore: true }],
  ["must-revalidate", { mustRevalidate: true, isShared: true }],
  ["must-revalidate=1", { mustRevalidate: true }],
  ["proxy-revalidate", { mustRevalidate: true }],
  ["must-understand", { mustUnderstand: true }],
  // Permissions count if they are spelt right.
  ["public", { isPublic: true, isShared: true }],
  ["public=x", {}],
  ["public x", {}],
  ["max-stale", { maxStaleSeconds: for2to31 }],
  ["max-stale=5", { maxStaleSeconds: 5 }],
  ["max-stale=x", { maxStaleSeconds: 0 }],
  ["max-stale, max-stale=5", { maxStaleSeconds: 5 }],
  ["max-stale=5, max-stale", { maxStaleSeconds: 5 }],
  ["min-fresh=5, min-fresh=7", { minFreshSeconds: 7 }],
  ["min-fresh=x", { minFreshSeconds: for2to31 }],
  ["only-if-cached", { onlyIfCached: true }],
  // What no end is found of may hide anything.
  ['max-age=60, ext="no-store', { maxAgeSeconds: 60, noStore: true }],
  ['"no-store', { noStore: true }],
];

test("Cache-Control is read so that doubts make for less caching", () => {
  for (const [value, expected] of table) assert.deepEqual(said(value), expected, value);
});

test("a request without Cache-Control is asked for Pragma", () => {
  const directives = (fields: Record<string, string>): CacheDirectives =>
    requestDirectives({ field: (name) => fields[name] ?? null });
  assert.equal(directives({}), noDirectives);
  assert.equal(directives({ pragma: "no-cache" }).noCache, true);
  assert.equal(directives({ pragma: 'x="no-cache", No-Cache' }).noCache, true);
  assert.equal(directives({ pragma: "unrecognised-extension" }), noDirectives);
  assert.equal(directives({ pragma: "no-cache", "cache-control": "max-age=5" }).noCache, false);
});

test("nothing makes the reader throw, and what restricts is not lost among other members", () => {
  const noise = fc.string({ unit: fc.constantFrom(...'ab=,"\\; \té') });
  fc.assert(
    fc.property(noise, noise, (before, after) => {
      parseCacheControl(before);
      const isQuoteOpen = parseCacheControl(before).noStore;
      const isInText = /["\\]/.test(before + after);
      if (!isQuoteOpen && !isInText) assert.ok(parseCacheControl(`${before},no-store,${after}`).noStore);
    }),
  );
});
