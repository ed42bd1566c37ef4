import assert from "node:assert/strict";
import { test } from "node:test";
import { Framing } from "../message.ts";
import { type CachePolicy, defaultCachePolicy } from "./cache-policy.ts";
import { judgeStorage, type Storage } from "./storage.ts";
import { answerHead, dateAfter, requestWith, startMs, timesAt } from "./testing/messages.ts";

const day = 86_400;
const fresh = "Cache-Control: max-age=60";
const guessing: CachePolicy = { ...defaultCachePolicy, heuristics: { fraction: 0.1, maxMs: 7 * day * 1000 } };

interface Case {
  readonly status?: number;
  readonly request?: readonly string[];
  readonly policy?: CachePolicy;
}

function judge(
  lines: readonly string[],
  { status = 200, request = [], policy = defaultCachePolicy }: Case = {},
): Storage {
  return judgeStorage(requestWith(request), answerHead(lines, { status }), timesAt(startMs), policy);
}

/** Seconds that the answer is fresh for; or why it is not stored. */
function lifetime(lines: readonly string[], options: Case = {}): number | string {
  const storage = judge(lines, options);
  return storage.isStored ? (storage.answer.freshUntilMs - startMs) / 1000 : storage.why;
}

test("freshness is what the answer says of it, for shared caches first", () => {
  const date = `Date: ${dateAfter(0)}`;
  const table: readonly (readonly [lines: readonly string[], seconds: number | string])[] = [
    [["Cache-Control: max-age=60"], 60],
    [["Cache-Control: max-age=60, s-maxage=5"], 5],
    [["Cache-Control: max-age=0, s-maxage=3600", `Expires: ${dateAfter(-10)}`], 3600],
    [["Cache-Control: max-age=60", "Cache-Control: s-maxage=5"], 5],
    [[date, `Expires: ${dateAfter(100)}`], 100],
    [[`Expires: ${dateAfter(100)}`], 100],
    [["Date: foo", `Expires: ${dateAfter(100)}`], 100],
    [[date, "Cache-Control: max-age=60", "Expires: 0"], 60],
    [[`Date: ${dateAfter(400)}`, `Expires: ${dateAfter(300)}`], "no-freshness"],
    [[date, "Expires: 0"], "no-freshness"],
    [[date, "Expires: -1"], "no-freshness"],
    [[date, `Expires: ${dateAfter(0)}`], "no-freshness"],
    [[date, `Expires: ${dateAfter(100)}`, "Cache-Control: max-age=0"], "no-freshness"],
    [[date, `Expires: ${dateAfter(100)}`, `Expires: ${dateAfter(100)}`], "no-freshness"],
    // Malformed freshness is none.
    [["Cache-Control: max-age=-1", `Expires: ${dateAfter(100)}`], "no-freshness"],
    [["Cache-Control: public; max-age=30", `Last-Modified: ${dateAfter(-1000)}`], 0],
    [["Cache-Control: max-age=3600x"], "no-freshness"],
    [[], "no-freshness"],
  ];
  for (const [lines, seconds] of table) assert.equal(lifetime(lines), seconds, lines.join(" | "));
});

test("the age that it has when it comes is taken off", () => {
  const table: readonly (readonly [lines: readonly string[], seconds: number | string])[] = [
    [["Age: 50"], 50],
    [[`Date: ${dateAfter(-30)}`], 70],
    [[`Date: ${dateAfter(-30)}`, "Age: 50"], 50],
    [[`Date: ${dateAfter(-70)}`, "Age: 50"], 30],
    [[`Date: ${dateAfter(100)}`], 100],
    [["Age: 100"], "no-freshness"],
    [["Date: Thu, 01 Jan 1970 00:00:00 GMT"], "no-freshness"],
    // What is no date says nothing.
    [["Date: 0"], 100],
    [["Date: foo"], 100],
    [["Age: 0"], 100],
    [["Age: 0,7200"], 100],
  ];
  for (const [lines, seconds] of table)
    assert.equal(lifetime([...lines, "Cache-Control: max-age=100"]), seconds, lines.join(" | "));
  const withAge = (age: string): unknown => lifetime([`Age: ${age}`, "Cache-Control: max-age=3600"]);
  for (const age of ["7200,0", "7200 , 0", "2147483649", "9".repeat(50)])
    assert.equal(withAge(age), "no-freshness", age);
  for (const age of ["abc", "-7200", "7200.0", "0, 0", "0, 7200", "7200;foo=bar", ", 7200"])
    assert.equal(withAge(age), 3_600, age);
});

test("the time that the exchange took counts as age", () => {
  const times = { requestMs: startMs - 4_500, responseMs: startMs, wallMs: startMs };
  const storage = judgeStorage(requestWith(), answerHead([fresh, "Age: 10"]), times, defaultCachePolicy);
  assert.ok(storage.isStored);
  assert.equal(storage.answer.bornMs, startMs - 14_500);
});

test("dates are compared with the machine's time of day, whatever the steady clock says", () => {
  const times = { requestMs: startMs, responseMs: startMs, wallMs: startMs + 3_600_000 };
  const head = answerHead([`Date: ${dateAfter(3600)}`, `Expires: ${dateAfter(3660)}`]);
  const storage = judgeStorage(requestWith(), head, times, defaultCachePolicy);
  assert.ok(storage.isStored);
  assert.equal(storage.answer.bornMs, startMs);
  assert.equal(storage.answer.freshUntilMs, startMs + 60_000);
});

test("freshness is guessed only if the operator wants it, and only for what may be guessed", () => {
  const modified = `Last-Modified: ${dateAfter(-10 * day)}`;
  assert.equal(lifetime([modified]), 0);
  assert.equal(lifetime([modified], { policy: guessing }), day);
  assert.equal(lifetime([`Last-Modified: ${dateAfter(-1000 * day)}`], { policy: guessing }), 7 * day);
  assert.equal(lifetime([`Last-Modified: ${dateAfter(10)}`], { policy: guessing }), 0);
  for (const status of [203, 204, 300, 301, 308, 404, 405, 410, 501])
    assert.equal(lifetime([modified], { policy: guessing, status }), day, String(status));
  for (const status of [201, 202, 302, 303, 307, 400, 403, 414, 500, 502, 503, 504, 599])
    assert.equal(typeof lifetime([modified], { policy: guessing, status }), "string", String(status));
  assert.equal(lifetime([modified, "Cache-Control: public"], { policy: guessing, status: 599 }), day);
  assert.equal(lifetime([modified, "Cache-Control: max-age=x"], { policy: guessing }), 0);
});

test("errors are stored for what they say, or for what the operator says of their status", () => {
  const policy = { ...defaultCachePolicy, negativeMs: new Map([404, 400].map((status) => [status, 10_000])) };
  for (const status of [404, 410, 451, 499, 500, 502, 503, 504, 599]) {
    assert.equal(lifetime([fresh], { status }), 60, String(status));
    assert.equal(lifetime(['ETag: "a"'], { status }), "no-freshness", String(status));
  }
  assert.equal(lifetime([], { status: 404, policy }), 10);
  assert.equal(lifetime([fresh], { status: 404, policy }), 60);
  assert.equal(lifetime(["Cache-Control: no-store"], { status: 404, policy }), "no-store");
  assert.equal(lifetime([], { status: 410, policy }), "no-freshness");
  // What is about one request alone is never stored.
  assert.equal(lifetime([], { status: 400, policy }), "status");
});

test("errors about how one request was written are not stored, for the key does not tell what was wrong", () => {
  for (const status of [400, 401, 407, 408, 411, 412, 413, 414, 415, 416, 417, 421, 425, 426, 428, 429, 431])
    assert.equal(lifetime([fresh], { status }), "status", String(status));
});

test("our own answers are not stored", () => {
  const head = { ...answerHead([fresh], { status: 503 }), from: "proxy" as const };
  assert.deepEqual(judgeStorage(requestWith(), head, timesAt(startMs), defaultCachePolicy), {
    isStored: false,
    why: "own-answer",
  });
});

test("interim answers, parts and 304 are not stored", () => {
  assert.equal(lifetime([fresh], { status: 103 }), "status");
  assert.equal(lifetime([fresh], { status: 304 }), "status");
  assert.equal(lifetime([fresh, "Content-Range: bytes 0-4/10"], { status: 206 }), "partial");
  assert.equal(lifetime([fresh], { status: 206 }), "partial");
  assert.equal(lifetime([fresh, "Content-Range: bytes 0-4/10"]), "partial");
  // Means nothing beside a 200.
  assert.equal(lifetime([fresh, "Content-Range: APETIXMBQFUJYNC"]), 60);
});

test("redirections are stored for what they say", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    assert.equal(lifetime([fresh], { status }), 60, String(status));
    assert.equal(lifetime([], { status }), "no-freshness", String(status));
  }
});

test("what is not for everybody is not stored", () => {
  const table: readonly (readonly [lines: readonly string[], why: string])[] = [
    [["Cache-Control: no-store"], "no-store"],
    [["Cache-Control: private"], "private"],
    [['Cache-Control: private="x-user"'], "private"],
    [['Cache-Control: private="x, public'], "no-store"],
    [["Set-Cookie: a=b"], "set-cookie"],
    [["Set-Cookie2: a=b"], "set-cookie"],
    [["Vary: *"], "vary-star"],
    [["Vary: a, *"], "vary-star"],
    [["Vary: ,", "Vary: *"], "vary-star"],
    [["Vary: a b"], "vary-star"],
    [["Trailer: x"], "trailers"],
  ];
  for (const [lines, why] of table) assert.equal(lifetime([fresh, ...lines]), why, lines.join(" | "));
  assert.equal(lifetime([fresh, "Set-Cookie: a=b"], { policy: { ...defaultCachePolicy, setCookie: "store" } }), 60);
});

test("only GET without a body is stored, and nothing that the client wants kept nowhere", () => {
  const judgeRequest = (request: Parameters<typeof judgeStorage>[0], policy = defaultCachePolicy): Storage =>
    judgeStorage(request, answerHead([fresh]), timesAt(startMs), policy);
  for (const method of ["HEAD", "POST", "PUT", "PROPFIND", "get"])
    assert.deepEqual(judgeRequest(requestWith([], method)), { isStored: false, why: "method" });
  for (const framing of [Framing.length, Framing.chunked])
    assert.deepEqual(judgeRequest({ ...requestWith(), framing }), { isStored: false, why: "request-body" });
  const noStore = requestWith(["Cache-Control: no-store"]);
  assert.deepEqual(judgeRequest(noStore), { isStored: false, why: "request-no-store" });
  assert.ok(judgeRequest(noStore, { ...defaultCachePolicy, requestDirectives: "ignore" }).isStored);
});

test("an answer to a user with credentials is stored only if it says that it is for all", () => {
  const request = ["Authorization: Basic YTpi"];
  assert.equal(lifetime([fresh], { request }), "authorization");
  assert.equal(lifetime([fresh, "Cache-Control: must-revalidate=1"], { request }), "authorization");
  assert.equal(lifetime([fresh, 'Cache-Control: public="x"'], { request }), "authorization");
  assert.equal(lifetime(["Cache-Control: s-maxage=x, max-age=60"], { request }), "authorization");
  assert.equal(lifetime([fresh, "Cache-Control: proxy-revalidate"], { request }), "authorization");
  assert.equal(lifetime([fresh, "Cache-Control: public"], { request }), 60);
  assert.equal(lifetime([fresh, "Cache-Control: must-revalidate"], { request }), 60);
  assert.equal(lifetime(["Cache-Control: s-maxage=60"], { request }), 60);
  assert.equal(lifetime([fresh], { request, policy: { ...defaultCachePolicy, authorization: "share" } }), 60);
});

test("CDN-Cache-Control takes the place of Cache-Control and Expires, if it is well-formed", () => {
  const table: readonly (readonly [lines: readonly string[], seconds: number | string])[] = [
    [["CDN-Cache-Control: max-age=10", "Cache-Control: no-store"], 10],
    [["CDN-Cache-Control: max-age=10;x=1, foobar", "Cache-Control: max-age=1"], 10],
    [["CDN-Cache-Control: max-age=10", "CDN-Cache-Control: s-maxage=20"], 20],
    [["CDN-Cache-Control: no-store", fresh], "no-store"],
    [["CDN-Cache-Control: private", fresh], "private"],
    [["CDN-Cache-Control: private=?0", fresh], "private"],
    [["CDN-Cache-Control: max-age=0", `Expires: ${dateAfter(100)}`], "no-freshness"],
    [["CDN-Cache-Control: max-age=-5", fresh], "no-freshness"],
    [['CDN-Cache-Control: max-age="10000"', fresh], "no-freshness"],
    [["CDN-Cache-Control: max-age=10.5", fresh], "no-freshness"],
    [["CDN-Cache-Control: foo", `Expires: ${dateAfter(100)}`], "no-freshness"],
    [["CDN-Cache-Control: max-age=99999999999"], 2 ** 31],
    // Malformed, or empty: as if it were not there.
    [["CDN-Cache-Control: max-age=10000, &&&&&", fresh], 60],
    [["CDN-Cache-Control: max-age=10000, &&&&&", "Cache-Control: no-store"], "no-store"],
    [["CDN-Cache-Control: MaX-aGe=10", fresh], 60],
    [["CDN-Cache-Control: max-age= 10", fresh], 60],
    [["CDN-Cache-Control: ", fresh], 60],
  ];
  for (const [lines, seconds] of table) assert.equal(lifetime(lines), seconds, lines.join(" | "));
});

test("must-understand asks for a status that is known, and then takes the place of no-store", () => {
  assert.equal(lifetime(["Cache-Control: max-age=60, no-store, must-understand"]), 60);
  assert.equal(lifetime(["Cache-Control: max-age=60, no-store, must-understand"], { status: 599 }), "status");
  assert.equal(lifetime(["Cache-Control: max-age=60, must-understand"], { status: 599 }), "status");
  assert.equal(lifetime(["Cache-Control: max-age=60, must-understand"], { status: 404 }), 60);
});

test("what must be validated each time is stored if it can be", () => {
  const withTag = judge(["Cache-Control: no-cache", 'ETag: "a"']);
  assert.ok(withTag.isStored && withTag.answer.alwaysValidates);
  assert.equal(lifetime(["Cache-Control: no-cache, max-age=60"]), "no-freshness");
  assert.equal(lifetime(["Cache-Control: no-cache", "ETag: abc"]), "no-freshness");
  assert.equal(lifetime(["Cache-Control: no-cache", `Last-Modified: ${dateAfter(-10)}`]), 0);
  assert.equal(lifetime(['ETag: W/"a"']), 0);
});

test("which fields are stored", () => {
  const storage = judge(
    [
      `Date: ${dateAfter(0)}`,
      'Cache-Control: max-age=60, no-cache="x-a, X-B"',
      "X-A: 1",
      "x-b: 2",
      "X-C: 3",
      "Age: 5",
      "Content-Length: 5",
      "Connection: x",
      "Keep-Alive: x",
      "Proxy-Authenticate: x",
      "Proxy-Authentication-Info: x",
      "Proxy-Connection: x",
      "TE: x",
      "Transfer-Encoding: x",
      "Upgrade: x",
      "Set-Cookie: a=b",
      "Cache-Status: upstream; hit",
    ],
    { policy: { ...defaultCachePolicy, setCookie: "store" } },
  );
  assert.ok(storage.isStored);
  assert.equal(
    storage.answer.fields,
    `Date: ${dateAfter(0)}\r\nCache-Control: max-age=60, no-cache="x-a, X-B"\r\nX-C: 3\r\nSet-Cookie: a=b\r\nCache-Status: upstream; hit\r\n`,
  );
});

test("an answer without a date that can be read gets the one of its arrival", () => {
  for (const lines of [[], ["Date: foo"]]) {
    const storage = judge([...lines, fresh]);
    assert.ok(storage.isStored);
    assert.equal(storage.answer.fields, `Date: ${dateAfter(0)}\r\n${fresh}\r\n`);
  }
});

test("a head that is too large is not stored", () => {
  assert.equal(lifetime([fresh, `X: ${"a".repeat(64 * 1024)}`]), "head-too-large");
});

test("the names in Vary are sorted, and each stands once", () => {
  const storage = judge([fresh, "Vary: Foo,accept-Encoding", "Vary: foo, , Bar"]);
  assert.ok(storage.isStored);
  assert.deepEqual(storage.varyNames, ["accept-encoding", "bar", "foo"]);
});

test("the length of the body is kept if it is known", () => {
  const lengthOf = (body: number | "unknown"): number | null => {
    const storage = judgeStorage(requestWith(), answerHead([fresh], { body }), timesAt(startMs), defaultCachePolicy);
    assert.ok(storage.isStored);
    return storage.answer.bodyBytes;
  };
  assert.equal(lengthOf(7), 7);
  assert.equal(lengthOf("unknown"), null);
});

test("how long it may be used stale", () => {
  const windows = (cacheControl: string, policy = defaultCachePolicy): readonly number[] => {
    const storage = judge([`Cache-Control: ${cacheControl}`, 'ETag: "a"'], { policy });
    assert.ok(storage.isStored);
    const { freshUntilMs, staleWhileRevalidateUntilMs, staleIfErrorUntilMs } = storage.answer;
    return [(staleWhileRevalidateUntilMs - freshUntilMs) / 1000, (staleIfErrorUntilMs - freshUntilMs) / 1000];
  };
  const generous = { ...defaultCachePolicy, staleWhileRevalidateMs: 7_000, staleIfErrorMs: 9_000 };
  assert.deepEqual(windows("max-age=60"), [0, 0]);
  assert.deepEqual(windows("max-age=60", generous), [7, 9]);
  assert.deepEqual(windows("max-age=60, stale-while-revalidate=3, stale-if-error=4", generous), [3, 4]);
  assert.deepEqual(windows("max-age=60, stale-while-revalidate=0, stale-if-error=0", generous), [0, 0]);
  // What the answer forbids, no option allows.
  assert.deepEqual(windows("max-age=60, must-revalidate", generous), [0, 0]);
  assert.deepEqual(windows("max-age=60, proxy-revalidate, stale-if-error=4", generous), [0, 0]);
  assert.deepEqual(windows("max-age=60, no-cache, stale-if-error=4", generous), [0, 0]);
  assert.deepEqual(windows("s-maxage=60", generous), [0, 0]);
  // An answer that says both means both.
  assert.deepEqual(windows("s-maxage=60, stale-while-revalidate=3, stale-if-error=4", generous), [3, 4]);
  // Without freshness there is nothing that the options could prolong.
  assert.deepEqual(windows("foo", generous), [0, 0]);
});

test("what says nothing is not stored if the request has a cookie", () => {
  const request = ["Cookie: session=1"];
  for (const validator of ['ETag: "a"', `Last-Modified: ${dateAfter(-day)}`]) {
    assert.equal(lifetime([validator]), 0);
    assert.equal(lifetime([validator], { request }), "no-freshness");
    assert.equal(lifetime([validator, "Cache-Control: no-cache"], { request }), 0);
    assert.equal(lifetime([validator, "Cache-Control: public"], { request }), 0);
    assert.equal(lifetime([validator, fresh], { request }), 60);
  }
});
