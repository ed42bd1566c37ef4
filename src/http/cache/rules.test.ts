/**
 * The rules together, over sequences of requests, answers and times: whatever they let a cache do, the oracle allows;
 * and what they refuse although the oracle would have it reused is in a list of reasons.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CachePolicy, defaultCachePolicy } from "./cache-policy.ts";
import {
  arbitraryAnswer,
  arbitraryConduct,
  arbitraryRequest,
  datedAt,
  type TriedTimes,
} from "./testing/arbitrary-messages.ts";
import type { AnswerModel, RequestModel } from "./testing/message-models.ts";
import { brokenRules, isExplicitlyFresh, type ReceivedAnswer, type Reuse, updated } from "./testing/oracle.ts";
import { whyRefused } from "./testing/refused-reuse.ts";
import { type Entry, type Look, SmallCache } from "./testing/small-cache.ts";

/** What happens next: some time passes, a request comes, and the endpoint does this if it is asked. */
interface Step {
  readonly waitMs: number;
  readonly request: RequestModel;
  /** How long the endpoint takes. */
  readonly delayMs: number;
  readonly endpoint: "answers" | "confirms" | "fails";
  /** Its answer; the times are relative to when it is given. */
  readonly answer: AnswerModel;
}

const times: TriedTimes = {
  lifetimes: [0, 1, 2, 5, 10, 60, 3600],
  demands: [0, 1, 2, 5, 10, 60, 3600],
  ages: [0, 1, 5, 60, 100_000],
  dates: [0, 0, 0, -1, -5, -60, 30],
  expiries: [-5, 0, 1, 5, 60],
  staleDirectives: ["stale-while-revalidate", "stale-if-error"],
};

const step: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.oneof(fc.constantFrom(0, 1, 999, 1_000, 1_001, 4_999, 5_000, 60_000), fc.nat(10_000)),
  request: arbitraryRequest(times),
  delayMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3_000) }),
  endpoint: arbitraryConduct,
  answer: arbitraryAnswer(times),
});

const policies: readonly CachePolicy[] = [
  defaultCachePolicy,
  { ...defaultCachePolicy, heuristics: { fraction: 0.1, maxMs: 86_400_000 } },
  { ...defaultCachePolicy, staleWhileRevalidateMs: 5_000, staleIfErrorMs: 60_000 },
];

/** Runs the steps through a cache and an oracle. */
class Run {
  readonly #policy: CachePolicy;
  readonly #cache: SmallCache;
  #nowMs = Date.UTC(2026, 10, 30, 12, 0, 0, 500);
  /** The last answer that may be reused for anything, and why the cache has not stored it. */
  #last: { readonly received: ReceivedAnswer; readonly refusal: string | null } | null = null;
  /** How often each thing happened. */
  readonly tally = new Map<string, number>();

  constructor(policy: CachePolicy) {
    this.#policy = policy;
    this.#cache = new SmallCache(policy);
  }

  step(step: Step): void {
    this.#nowMs += step.waitMs;
    const look = this.#cache.look(step.request, this.#nowMs);
    if (look.use === "fresh") this.#serve(look.entry!, step, "fresh");
    else if (look.use === "stale-allowed") this.#serve(look.entry!, step, "max-stale");
    else if (look.use === "revalidate-behind") {
      this.#serve(look.entry!, step, "stale-while-revalidate");
      this.#askEndpoint(look, step);
    } else {
      this.#explainRefusal(step.request);
      this.#askEndpoint(look, step);
    }
  }

  #askEndpoint({ entry, use }: Look, step: Step): void {
    const requestMs = this.#nowMs;
    this.#nowMs += step.delayMs;
    const given = datedAt(step.answer, this.#nowMs);
    if (step.endpoint === "fails") {
      if (entry !== null && this.#cache.mayStandIn(entry, step.request, this.#nowMs))
        this.#serve(entry, step, "stale-if-error");
      return;
    }
    const received = { request: step.request, answer: given, requestMs, responseMs: this.#nowMs };
    const isAsked = entry !== null && use !== "unusable" && this.#cache.canBeValidated(entry);
    if (isAsked && step.endpoint === "confirms") {
      // Its fields may be those of any answer, but not those that say what it is about.
      const confirming = { ...given, tag: entry.received.answer.tag, lastModified: null };
      const after = updated(entry.received, confirming, requestMs, this.#nowMs);
      const refreshed = this.#cache.refresh(entry, confirming, after);
      this.#count(refreshed === null ? "refused 304" : "taken 304");
      this.#last = refreshed === null ? null : { received: after, refusal: null };
      return;
    }
    if (step.request.method === "POST") {
      this.#cache.clear();
      this.#last = null;
      return;
    }
    const refusal = this.#cache.take(received);
    this.#count(refusal === null ? "stored" : `not stored: ${refusal}`);
    this.#last = { received, refusal };
  }

  #serve(entry: Entry, { request: asked }: Step, reason: Reuse["reason"]): void {
    this.#count(`served: ${reason}`);
    assert.deepEqual(brokenRules(this.#reuse(entry.received, asked, reason)), []);
    // RFC 9111 section 5.2.2.4 and 3.1: what must not be used without validation, and what was for one connection.
    assert.doesNotMatch(entry.answer.fields, /^(?:Age|Connection):/im);
    const { cacheControl, targeted } = entry.received.answer;
    const directives = Array.isArray(targeted) && targeted.length > 0 ? [] : cacheControl;
    if (directives.some(({ name, argument }) => name === "no-cache" && Array.isArray(argument)))
      assert.doesNotMatch(entry.answer.fields, /^X:/im);
  }

  /** What may be reused, has been said to be fresh, and is asked for without conditions, is reused; or there is a reason. */
  #explainRefusal(asked: RequestModel): void {
    if (this.#last === null) return;
    const { received, refusal } = this.#last;
    if (!isExplicitlyFresh(received, this.#nowMs)) return;
    if (brokenRules(this.#reuse(received, asked, "fresh")).length > 0) return;
    const reason = whyRefused(received, asked);
    assert.ok(reason !== null, `not reused without a reason: ${JSON.stringify({ received, refusal, asked })}`);
    this.#count(`refused: ${reason}`);
  }

  #reuse(received: ReceivedAnswer, asked: RequestModel, reason: Reuse["reason"]): Reuse {
    return {
      received,
      request: asked,
      nowMs: this.#nowMs,
      reason,
      staleWhileRevalidate: this.#policy.staleWhileRevalidateMs / 1000,
      staleIfError: this.#policy.staleIfErrorMs / 1000,
      guesses: this.#policy.heuristics !== null,
    };
  }

  #count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }
}

function runAll(policy: CachePolicy, numRuns: number, seed?: number): Map<string, number> {
  const tally = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const run = new Run(policy);
      for (const one of steps) run.step(one);
      for (const [what, times] of run.tally) tally.set(what, (tally.get(what) ?? 0) + times);
    }),
    { numRuns, ...(seed === undefined ? {} : { seed }) },
  );
  return tally;
}

for (const [index, policy] of policies.entries())
  test(`a cache does what RFC 9111 allows, and reuses what it may (policy ${index + 1})`, () => {
    const tally = runAll(policy, 1_500);
    // The sequences reach everything that is to be tried.
    for (const what of ["stored", "taken 304", "refused 304", "served: fresh", "served: max-stale"])
      assert.ok((tally.get(what) ?? 0) > 0, what);
    for (const what of ["served: stale-while-revalidate", "served: stale-if-error"])
      assert.ok((tally.get(what) ?? 0) > 0, what);
  });
