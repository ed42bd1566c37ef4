import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultCachePolicy } from "./cache-policy.ts";
import { refreshed } from "./refresh.ts";
import type { StoredAnswer } from "./stored-answer.ts";
import { answerHead, dateAfter, startMs, stored, timesAt } from "./testing/messages.ts";

const later = timesAt(startMs + 100_000);

function after304(
  lines: readonly string[],
  given: readonly string[],
  policy = defaultCachePolicy,
): StoredAnswer | null {
  return refreshed(stored(lines, { policy }), answerHead(given, { status: 304, body: 0 }), later, policy);
}

const basis = ["Cache-Control: max-age=60", 'ETag: "a"'];
const date = `Date: ${dateAfter(100)}`;

test("a 304 makes the answer as fresh as a new one", () => {
  const answer = after304(basis, [date, 'ETag: "a"', "Cache-Control: max-age=30, stale-if-error=5"]);
  assert.equal(answer?.bornMs, startMs + 100_000);
  assert.equal(answer.freshUntilMs, startMs + 130_000);
  assert.equal(answer.staleIfErrorUntilMs, startMs + 135_000);
});

test("what the 304 does not say stays", () => {
  const answer = after304([...basis, "X: 1"], ['ETag: "a"']);
  assert.equal(answer?.freshUntilMs, startMs + 160_000);
  assert.match(answer.fields, /X: 1\r\n/);
  assert.equal(answer.bodyBytes, 5);
  assert.equal(answer.status, 200);
  assert.equal(answer.url, "http://a/");
});

test("an old Expires does not make it fresh again", () => {
  const answer = after304([`Expires: ${dateAfter(60)}`, 'ETag: "a"'], []);
  assert.equal(answer?.bornMs, startMs + 100_000);
  assert.equal(answer.freshUntilMs, startMs + 60_000);
  assert.match(answer.fields, new RegExp(date));
});

test("the age that a 304 has counts", () => {
  assert.equal(after304(basis, [date, "Age: 20"])?.bornMs, startMs + 80_000);
  assert.equal(after304([...basis, "Age: 20"], [date])?.bornMs, startMs + 100_000);
});

test("fields of the 304 take the place of those of the same name, all lines of them", () => {
  const answer = after304(
    [...basis, "X: 1", "x: 2", "Y: 1", "Content-Type: text/plain"],
    [date, "X: 3", "Content-Type: text/plain;charset=utf-8", "Z: 1", "Connection: x", "Age: 7"],
  );
  assert.equal(
    answer?.fields,
    `Cache-Control: max-age=60\r\nETag: "a"\r\nY: 1\r\n${date}\r\nX: 3\r\nContent-Type: text/plain;charset=utf-8\r\nZ: 1\r\n`,
  );
});

test("what is about the stored body stays as it is", () => {
  const about = ["Content-Encoding", "Content-Range", "Content-MD5", "Content-Digest", "Repr-Digest"];
  const lines = about.map((name) => `${name}: old`);
  const given = [date, 'ETag: "a"', "Content-Length: 0", ...about.map((name) => `${name}: new`)];
  const answer = after304([...basis, ...lines], given);
  for (const line of lines) assert.ok(answer?.fields.includes(line), line);
  assert.doesNotMatch(answer?.fields ?? "", /new|Content-Length/);
});

test("a weak tag of the same is about the same", () => {
  assert.match(after304(basis, [date, 'ETag: W/"a"'])?.fields ?? "", /ETag: "a"/);
});

test("a 304 with another tag is about another answer if anything else differs", () => {
  const lines = [...basis, "Content-Type: text/plain", `Last-Modified: ${dateAfter(-9)}`];
  for (const line of [
    "Content-Type: text/html",
    `Last-Modified: ${dateAfter(-8)}`,
    "Content-Location: /b",
    "Content-Encoding: gzip",
    "Content-Language: de",
  ])
    assert.equal(after304(lines, [date, 'ETag: "b"', line]), null, line);
  const answer = after304(lines, [date, 'ETag: "b"', `Last-Modified: ${dateAfter(-9)}`]);
  assert.equal(answer?.freshUntilMs, startMs + 160_000);
  assert.match(answer.fields, /ETag: "a"/);
});

test("without tags, Last-Modified tells what a 304 is about", () => {
  const lines = ["Cache-Control: max-age=60", `Last-Modified: ${dateAfter(-9)}`];
  assert.equal(after304(lines, [date, `Last-Modified: ${dateAfter(-8)}`]), null);
  assert.ok(after304(lines, [date, `Last-Modified: ${dateAfter(-9)}`]));
  assert.ok(after304(lines, [date]));
  // The tag is the better witness.
  assert.ok(after304([...basis, `Last-Modified: ${dateAfter(-9)}`], ['ETag: "a"', `Last-Modified: ${dateAfter(-8)}`]));
});

test("a 304 that changes Vary is not taken: the answer would stand under another key", () => {
  assert.equal(after304(basis, [date, "Vary: x"]), null);
  assert.equal(after304([...basis, "Vary: a, b"], [date, "Vary: a"]), null);
  assert.equal(after304([...basis, "Vary: a, b"], [date, "Vary: *"]), null);
  assert.ok(after304([...basis, "Vary: a, b"], [date, "Vary: B,A"]));
});

test("a 304 may say that the answer must not be kept", () => {
  assert.equal(after304(basis, [date, "Cache-Control: no-store"]), null);
  assert.equal(after304(basis, [date, "Cache-Control: private"]), null);
  assert.equal(after304(basis, [date, "Set-Cookie: a=b"]), null);
  assert.ok(after304(basis, [date, "Set-Cookie: a=b"], { ...defaultCachePolicy, setCookie: "store" }));
  assert.equal(after304(basis, [date, "Cache-Control: no-cache"])?.alwaysValidates, true);
});

test("what was for all and is not any more is fetched anew", () => {
  const lines = ["Cache-Control: max-age=60, public", 'ETag: "a"'];
  assert.equal(after304(lines, [date, "Cache-Control: max-age=60"]), null);
  assert.equal(after304(lines, [date, "Cache-Control: s-maxage=60"])?.isShared, true);
});

test("a 304 may take away what an error was stored for", () => {
  const answer = stored([`Expires: ${dateAfter(60)}`, 'ETag: "a"'], { status: 500 });
  const head = answerHead([date, "CDN-Cache-Control: stale-while-revalidate=60"], { status: 304, body: 0 });
  assert.equal(refreshed(answer, head, later, defaultCachePolicy), null);
});

test("a 304 may ask for a status that is understood", () => {
  const answer = stored(basis, { status: 599 });
  const head = answerHead([date, "Cache-Control: max-age=60, must-understand"], { status: 304, body: 0 });
  assert.equal(refreshed(answer, head, later, defaultCachePolicy), null);
});

test("a stored head does not grow past its limit", () => {
  assert.equal(after304(basis, [date, `X: ${"a".repeat(64 * 1024)}`]), null);
  assert.equal(after304([...basis, `Y: ${"a".repeat(40_000)}`], [date, `X: ${"a".repeat(40_000)}`]), null);
});
