import assert from "node:assert/strict";
import { test } from "node:test";
import { ageSeconds } from "./age.ts";
import { noDirectives, parseCacheControl } from "./cache-control.ts";
import { defaultCachePolicy } from "./cache-policy.ts";
import { staleFrom, type StoredAnswer } from "./stored-answer.ts";
import { startMs, stored } from "./testing/messages.ts";
import { isErrorToStandInFor, judgeUse, mayStandInForError, type Use } from "./use.ts";

const at = (seconds: number): number => startMs + seconds * 1000;
const use = (answer: StoredAnswer, seconds: number, directives: string | null = null): Use =>
  judgeUse(answer, parseCacheControl(directives), at(seconds));

const tag = 'ETag: "a"';

test("an answer is used while it is fresh, and asked about afterwards", () => {
  const answer = stored(["Cache-Control: max-age=60", tag]);
  assert.equal(use(answer, 0), "fresh");
  assert.equal(use(answer, 59.999), "fresh");
  assert.equal(use(answer, 60), "validate");
  assert.equal(use(stored(["Cache-Control: max-age=60"]), 60), "unusable");
  assert.equal(use(stored([tag]), 0), "validate");
});

test("no-cache is asked about each time", () => {
  const answer = stored(["Cache-Control: no-cache, max-age=60, stale-while-revalidate=60", tag]);
  assert.equal(use(answer, 0), "validate");
  assert.equal(use(answer, 0, "max-stale"), "validate");
});

test("nobody gets what says nothing of its freshness without asking, whatever he says", () => {
  for (const fields of [
    [tag],
    ["Cache-Control: public", tag],
    ["Cache-Control: foo", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT"],
  ]) {
    const answer = stored(fields);
    for (const directives of ["max-stale", "max-stale=100", "only-if-cached, max-stale", "stale-if-error=100"]) {
      assert.equal(use(answer, 1, directives), "validate", directives);
      assert.equal(mayStandInForError(answer, parseCacheControl(directives), at(1)), false, directives);
    }
  }
  assert.equal(mayStandInForError(stored(["Cache-Control: stale-if-error=9", tag]), noDirectives, at(1)), true);
});

test("a stale answer is used while it is validated behind, as long as it says", () => {
  const answer = stored(["Cache-Control: max-age=60, stale-while-revalidate=10"]);
  assert.equal(use(answer, 59), "fresh");
  assert.equal(use(answer, 69.999), "revalidate-behind");
  assert.equal(use(answer, 70), "unusable");
  assert.equal(
    use(stored(["Cache-Control: max-age=60, stale-while-revalidate=10, must-revalidate", tag]), 61),
    "validate",
  );
});

test("what may stand in for an error is kept without a validator, too", () => {
  const answer = stored(["Cache-Control: max-age=60, stale-if-error=10"]);
  assert.equal(use(answer, 65), "validate");
  assert.equal(use(answer, 70), "unusable");
});

test("the client's demands hold", () => {
  const answer = stored(["Cache-Control: max-age=60, stale-while-revalidate=10", tag]);
  const table: readonly (readonly [seconds: number, directives: string, use: Use])[] = [
    [0, "no-store", "unusable"],
    [0, "no-cache", "validate"],
    [0, "max-age=0", "fresh"],
    [0.001, "max-age=0", "validate"],
    [30, "max-age=30", "fresh"],
    [30.001, "max-age=30", "validate"],
    [30, "max-age=x", "validate"],
    [30, "min-fresh=30", "fresh"],
    [30, "min-fresh=31", "validate"],
    [61, "min-fresh=0", "validate"],
    [61, "max-age=100", "revalidate-behind"],
    [61, "max-stale", "stale-allowed"],
    [61.999, "max-stale=2", "stale-allowed"],
    [62, "max-stale=1", "revalidate-behind"],
    [80, "max-stale=1", "validate"],
    [80, "max-stale=20, max-age=70", "validate"],
    [79.999, "max-stale=20, max-age=80", "stale-allowed"],
    [80, "max-stale=20, no-cache", "validate"],
    [0, "only-if-cached", "fresh"],
    [80, "only-if-cached", "validate"],
    [0, "foo", "fresh"],
  ];
  for (const [seconds, directives, expected] of table)
    assert.equal(use(answer, seconds, directives), expected, `${directives} after ${seconds} s`);
});

test("max-stale takes nothing that forbids it", () => {
  for (const directive of ["must-revalidate", "proxy-revalidate", "s-maxage=60"])
    assert.equal(use(stored([`Cache-Control: max-age=60, ${directive}`, tag]), 61, "max-stale"), "validate", directive);
});

test("a variants record is no answer", () => {
  const record: StoredAnswer = { ...stored(["Cache-Control: max-age=60"]), status: 0, variants: [] };
  assert.equal(judgeUse(record, noDirectives, startMs), "unusable");
});

test("a soft purge makes an answer stale, and leaves how long it may be used so", () => {
  const answer = staleFrom(stored(["Cache-Control: max-age=60, stale-while-revalidate=10", tag]), at(5));
  assert.equal(use(answer, 5), "revalidate-behind");
  assert.equal(use(answer, 14), "revalidate-behind");
  assert.equal(use(answer, 15), "validate");
  assert.equal(use(staleFrom(stored(["Cache-Control: max-age=60", tag]), at(5)), 5), "validate");
  const stale = stored(["Cache-Control: max-age=1", tag]);
  assert.equal(staleFrom(stale, at(5)), stale);
});

test("a stale answer stands in for an error if it says so, or the operator or the client does", () => {
  const may = (cacheControl: string, seconds: number, request = "", policy = defaultCachePolicy): boolean =>
    mayStandInForError(
      stored([`Cache-Control: ${cacheControl}`, tag], { policy }),
      parseCacheControl(request),
      at(seconds),
    );
  assert.equal(may("max-age=60, stale-if-error=10", 69), true);
  assert.equal(may("max-age=60, stale-if-error=10", 70), false);
  assert.equal(may("max-age=60", 61), false);
  assert.equal(may("max-age=60", 61, "", { ...defaultCachePolicy, staleIfErrorMs: 5_000 }), true);
  assert.equal(may("max-age=60", 61, "stale-if-error=5"), true);
  assert.equal(may("max-age=60", 65, "stale-if-error=5"), false);
  for (const directive of ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=60"])
    assert.equal(may(`max-age=60, ${directive}`, 61, "stale-if-error=5"), false, directive);
  assert.equal(may("max-age=60, stale-if-error=10", 61, "no-cache"), false);
  assert.equal(may("max-age=60, stale-if-error=10, must-revalidate", 61), false);
  assert.equal(may("s-maxage=60, stale-if-error=10", 61), true);
});

test("errors to stand in for are failures of the origin", () => {
  assert.deepEqual([200, 404, 429, 500, 501, 502, 503, 504, 505].filter(isErrorToStandInFor), [500, 502, 503, 504]);
});

test("Age is whole seconds since its birth, within what a field can say", () => {
  const answer = stored(["Cache-Control: max-age=60", "Age: 10"]);
  assert.equal(ageSeconds(answer, at(1.999)), 11);
  assert.equal(ageSeconds(answer, at(-100)), 0);
  assert.equal(ageSeconds(answer, at(1e12)), 2 ** 31);
});
