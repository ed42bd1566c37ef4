import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { ResponseHead } from "../http/message.ts";
import { ProxyError } from "../http/reason.ts";
import type { RetryOptions } from "../upstream/retry-options.ts";
import {
  backoffOf,
  compileRetryPolicy,
  decideRetry,
  type RetryDecision,
  type RetryFacts,
  shouldRetryAnswer,
} from "./retry-policy.ts";

const options: RetryOptions = {
  attempts: 2,
  on: ["connect", "reset", 502, 503, 504],
  budgetPercent: 20,
  perTryTimeout: 0,
};
const facts: RetryFacts = {
  isHeadSent: false,
  isBodyReplayable: true,
  isIdempotent: true,
  retries: 0,
  isFreeRetryUsed: false,
  isBound: false,
};

const refused = new ProxyError("UPSTREAM_CONNECT_FAILED", { replay: "safe" });
const reset = new ProxyError("UPSTREAM_RESET");
const stale = new ProxyError("UPSTREAM_RESET", { replay: "if-reused" });
const late = new ProxyError("UPSTREAM_FIRST_BYTE_TIMEOUT");
const lateTry = new ProxyError("UPSTREAM_TRY_TIMEOUT");

const failures: readonly (readonly [
  title: string,
  ProxyError,
  Partial<RetryFacts>,
  Partial<RetryOptions>,
  RetryDecision,
])[] = [
  ["nothing was sent", refused, {}, {}, "other"],
  ["nothing was sent, and the method is not idempotent", refused, { isIdempotent: false }, {}, "other"],
  ["nothing was sent, and it is no cause", refused, {}, { on: ["reset"] }, "no"],
  ["broken before the answer", reset, {}, {}, "other"],
  ["broken before the answer to a POST", reset, { isIdempotent: false }, {}, "no"],
  ["broken, and it is no cause", reset, {}, { on: ["connect"] }, "no"],
  ["an old connection broke", stale, {}, {}, "free"],
  ["an old connection broke, with no retries allowed", stale, {}, { attempts: 0 }, "free"],
  ["an old connection broke under a POST", stale, { isIdempotent: false }, {}, "no"],
  ["an old connection broke twice", stale, { isFreeRetryUsed: true }, {}, "other"],
  ["no answer in time", late, {}, {}, "no"],
  ["no answer in time, and it is a cause", late, {}, { on: ["timeout"] }, "other"],
  ["no answer to this try in time", lateTry, {}, {}, "other"],
  ["no answer to this try of a POST in time", lateTry, { isIdempotent: false }, {}, "no"],
  ["the client has the head", refused, { isHeadSent: true }, {}, "no"],
  ["the body is gone", refused, { isBodyReplayable: false }, {}, "no"],
  ["all attempts are used", refused, { retries: 2 }, {}, "no"],
  ["the answer was garbage", new ProxyError("UPSTREAM_BAD_RESPONSE"), {}, {}, "no"],
  ["a bug of ours", new ProxyError("INTERNAL_ERROR"), {}, {}, "no"],
];

for (const [title, error, someFacts, someOptions, decision] of failures) {
  test(`a failure: ${title}: ${decision}`, () => {
    assert.equal(
      decideRetry(error, { ...facts, ...someFacts }, compileRetryPolicy({ ...options, ...someOptions })),
      decision,
    );
  });
}

const answers: readonly (readonly [
  title: string,
  status: number,
  retryAfter: string | null,
  Partial<RetryFacts>,
  Partial<RetryOptions>,
  boolean,
])[] = [
  ["a success", 200, null, {}, {}, false],
  ["a status in the list", 503, null, {}, {}, true],
  ["a status in the list, of a POST", 503, null, { isIdempotent: false }, {}, false],
  ["a status in the list, its body gone", 503, null, { isBodyReplayable: false }, {}, false],
  ["a status in the list, all attempts used", 502, null, { retries: 2 }, {}, false],
  ["a status in the list, no retries allowed", 502, null, {}, { attempts: 0 }, false],
  ["a status that is not in the list", 500, null, {}, {}, false],
  ["a 503 that asks for a second", 503, "1", {}, {}, true],
  ["a 503 that asks for a minute", 503, "60", {}, {}, false],
  ["a 503 that names a time", 503, "Fri, 31 Dec 2027 23:59:59 GMT", {}, {}, false],
  ["a 502 that asks for a minute", 502, "60", {}, {}, true],
];

for (const [title, status, retryAfter, someFacts, someOptions, isRetried] of answers) {
  test(`an answer: ${title}: ${isRetried ? "retried" : "passed on"}`, () => {
    const head = new ResponseHead();
    head.status = status;
    head.keptFields = retryAfter === null ? "" : `Retry-After: ${retryAfter}\r\n`;
    assert.equal(
      shouldRetryAnswer(head, { ...facts, ...someFacts }, compileRetryPolicy({ ...options, ...someOptions })),
      isRetried,
    );
  });
}

test("the pause before a retry is anything up to a bound that doubles until it is 250 ms", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 9].map((retry) => backoffOf(retry, () => 1)),
    [25, 50, 100, 200, 250, 250],
  );
  const random = seededRandom(1);
  const pauses = Array.from({ length: 2_000 }, () => backoffOf(1, random));
  const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length;
  assert.ok(Math.min(...pauses) < 1 && Math.max(...pauses) > 24 && Math.abs(mean - 12.5) < 0.5, `mean ${mean}`);
});
