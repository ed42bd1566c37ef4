/**
 * `cache` in a running proxy, judged by the oracle of RFC 9111: sequences of requests of all kinds, to an endpoint that
 * answers anything. No time passes: what has an age was given it. The rules themselves are tried over time in
 * `src/http/cache/rules.test.ts`.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  arbitraryAnswer,
  arbitraryConduct,
  arbitraryRequest,
  datedAt,
  type TriedTimes,
} from "../../src/http/cache/testing/arbitrary-messages.ts";
import {
  type AnswerModel,
  type RequestModel,
  writeAnswer,
  writeRequest,
} from "../../src/http/cache/testing/message-models.ts";
import {
  brokenRules,
  currentAge,
  isExplicitlyFresh,
  type ReceivedAnswer,
  type Reuse,
  updated,
} from "../../src/http/cache/testing/oracle.ts";
import { whyRefused } from "../../src/http/cache/testing/refused-reuse.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer as Answer } from "../support/message.ts";

/** Nothing is near a limit: the seconds that a test takes make no difference. */
const times: TriedTimes = {
  lifetimes: [0, 1_000, 2_000, 5_000],
  demands: [700, 1_700, 4_700],
  ages: [0, 1_500, 3_500, 100_000],
  dates: [0, 0, 0, -1_500, -3_500, 1_000],
  expiries: [-1_000, 0, 1_000, 2_000],
  // What is fetched behind an answer comes at its own time.
  staleDirectives: ["stale-if-error"],
};

interface Step {
  readonly request: RequestModel;
  readonly conduct: "answers" | "confirms" | "fails";
  readonly answer: AnswerModel;
  /** What the client has, if it says so. */
  readonly ifNoneMatch: string | null;
  readonly range: string | null;
}

const step: fc.Arbitrary<Step> = fc.record({
  request: arbitraryRequest(times),
  conduct: arbitraryConduct,
  answer: arbitraryAnswer(times),
  ifNoneMatch: fc.option(fc.constantFrom('"a"', '"x", W/"b"', '"c"'), { freq: 4, nil: null }).map(mostlyNull),
  range: fc.option(fc.constantFrom("bytes=0-2", "bytes=-2", "bytes=900-"), { freq: 4, nil: null }).map(mostlyNull),
});

/** Every fourth of those that are not null. */
let turn = 0;
function mostlyNull<T>(value: T): T | null {
  return turn++ % 4 === 0 ? value : null;
}

type Field = readonly [name: string, value: string];

const toFields = (lines: readonly string[]): Field[] =>
  lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const);

/** One sequence, under a path of its own. */
class Sequence {
  readonly #path: string;
  /** What was received, by its number, as 304s have left it. */
  readonly #received = new Map<number, ReceivedAnswer>();
  /** Those before it were invalidated by an unsafe request. */
  #validFrom = 0;
  #number = 0;
  #step!: Step;
  #isAsked = false;
  /**
   * It was asked as the client asks, with condition and range: the cache expects nothing to store, because the last
   * answer could not be stored.
   */
  #isPassedOn = false;
  /** It has answered with 304. */
  #hasConfirmed = false;
  /** The endpoint has failed: for a while it is not asked each time. */
  #hasFailed = false;
  /** The last answer that the endpoint gave, and no later one. */
  #last: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** The endpoint: each answer has a number. */
  readonly behave = (exchange: EndpointExchange): void => {
    const { answer, conduct, request, ifNoneMatch, range } = this.#step;
    this.#isAsked = true;
    this.#isPassedOn =
      (ifNoneMatch !== null && exchange.request.value("if-none-match") === ifNoneMatch) ||
      (range !== null && exchange.request.value("range") === range);
    this.#hasFailed ||= conduct === "fails" || answer.status >= 500;
    if (conduct === "fails") return exchange.abort();
    const nowMs = Date.now();
    const given = datedAt(answer, nowMs);
    if (conduct === "confirms" && request.method === "GET" && this.#isOurs(exchange)) {
      const named = exchange.request.value("if-none-match");
      const confirming = { ...given, tag: named, lastModified: null };
      this.#hasConfirmed = true;
      return exchange.answer({ status: 304, fields: toFields(writeAnswer(confirming)) });
    }
    this.#received.set(this.#number, { request, answer: given, requestMs: nowMs, responseMs: nowMs });
    const fields = [...toFields(writeAnswer(given)), ["Number", String(this.#number)] as const];
    const hasBody = given.status !== 204 && request.method !== "HEAD";
    exchange.answer({ status: given.status, fields, ...(hasBody ? { body: `answer ${this.#number}` } : {}) });
  };

  /** Is it asked by a condition of the cache's own? */
  #isOurs({ request }: EndpointExchange): boolean {
    const hasCondition = request.value("if-none-match") !== null || request.value("if-modified-since") !== null;
    return hasCondition && !this.#isPassedOn;
  }

  async run(steps: readonly Step[], ask: (step: Step, path: string) => Promise<Answer>): Promise<number> {
    let hits = 0;
    for (const one of steps) {
      this.#step = one;
      this.#number++;
      this.#isAsked = false;
      this.#hasConfirmed = false;
      const mustBeReused = this.#mustBeReused();
      const answer = await ask(one, this.#path);
      assert.ok(!mustBeReused || !this.#isAsked, `${JSON.stringify(this.#received.get(this.#last!))} was not reused`);
      if (this.#judge(answer)) hits++;
    }
    return hits;
  }

  /** @returns whether the answer came from the cache without a question */
  #judge(answer: Answer): boolean {
    const { request, conduct, answer: given } = this.#step;
    const number = Number(answer.value("number") ?? Number.NaN);
    const isOwnFailure = Number.isNaN(number);
    if (this.#isAsked && number === this.#number) {
      if (request.method === "GET") this.#last = this.#isPassedOn ? null : number;
      if (request.method === "POST" && given.status < 400) this.#invalidate();
      this.#judgeContent(answer, number);
      return false;
    }
    if (isOwnFailure) {
      assert.ok(conduct === "fails" && this.#isAsked, `${answer.status} without a failure`);
      return false;
    }
    const received = this.#received.get(number)!;
    this.#judgeContent(answer, number);
    if (this.#hasConfirmed) {
      const confirming = { ...datedAt(given, Date.now()), lastModified: null };
      this.#received.set(number, updated(received, confirming, Date.now(), Date.now()));
      this.#last = number;
      return false;
    }
    // It was given without a word of its origin.
    assert.ok(number >= this.#validFrom, "it was invalidated");
    const reasons: readonly Reuse["reason"][] = this.#isAsked
      ? ["stale-if-error"]
      : ["fresh", "max-stale", ...(this.#hasFailed ? (["stale-if-error"] as const) : [])];
    const broken = reasons.map((reason) => brokenRules(this.#reuse(received, reason)));
    assert.ok(
      broken.some((rules) => rules.length === 0),
      `${JSON.stringify(broken)}: ${JSON.stringify(received)} for ${JSON.stringify(request)}`,
    );
    const age = Number(answer.value("age"));
    if (typeof received.answer.age !== "string")
      assert.ok(Math.abs(age - currentAge(received, Date.now())) < 30, `age ${age}`);
    return true;
  }

  /** Is there something that must be reused for this request: it is explicitly fresh, allowed, and nothing is against it? */
  #mustBeReused(): boolean {
    const { request } = this.#step;
    const received = this.#last === null ? undefined : this.#received.get(this.#last);
    if (received === undefined || !isExplicitlyFresh(received, Date.now())) return false;
    return brokenRules(this.#reuse(received, "fresh")).length === 0 && whyRefused(received, request) === null;
  }

  #invalidate(): void {
    this.#validFrom = this.#number;
    this.#last = null;
  }

  /** The body is that of the answer that the head names, or the part of it that was asked for. */
  #judgeContent(answer: Answer, number: number): void {
    const { request, ifNoneMatch, range } = this.#step;
    const { answer: model } = this.#received.get(number)!;
    const whole = model.status === 204 ? "" : `answer ${number}`;
    if (request.method === "HEAD" || answer.status === 304) assert.equal(answer.text, "");
    if (answer.status === 304) {
      const tag = model.tag?.replace("W/", "") ?? "none";
      assert.ok(ifNoneMatch?.replace("W/", "").includes(tag), `304 for ${ifNoneMatch}, with ${model.tag}`);
      assert.equal(model.status, 200);
    } else if (answer.status === 416) assert.equal(range, "bytes=900-");
    else if (answer.status === 206 && model.status !== 206) {
      const part = range === "bytes=0-2" ? whole.slice(0, 3) : whole.slice(-2);
      assert.equal(answer.text, request.method === "HEAD" ? "" : part);
    } else if (request.method !== "HEAD") assert.equal(answer.text, whole);
  }

  #reuse(received: ReceivedAnswer, reason: Reuse["reason"]): Reuse {
    const { request } = this.#step;
    return { received, request, nowMs: Date.now(), reason, staleWhileRevalidate: 0, staleIfError: 0, guesses: false };
  }
}

testOverProtocols("whatever is asked and answered, the cache does what RFC 9111 allows", async (harness: Harness) => {
  let sequence: Sequence;
  const endpoint = await harness.endpoint((exchange) => sequence.behave(exchange));
  await harness.proxy({
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache: {} }], upstream: "app" }],
  });
  const client = await harness.speaker();
  let count = 0;
  let hits = 0;
  const ask = ({ request, ifNoneMatch, range }: Step, path: string): Promise<Answer> =>
    client.ask({
      method: request.method,
      path,
      fields: [
        ...toFields(writeRequest(request)),
        ...(ifNoneMatch === null ? [] : [["If-None-Match", ifNoneMatch] as const]),
        ...(range === null ? [] : [["Range", range] as const]),
      ],
      ...(request.hasBody ? { body: "x" } : {}),
    });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 10 }), async (steps) => {
      sequence = new Sequence(`/${count++}`);
      hits += await sequence.run(steps, ask);
    }),
    { numRuns: 60 },
  );
  assert.ok(hits > 10, `${hits} hits`);
});
