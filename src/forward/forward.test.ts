/** The attempt loop with endpoints that answer when the test says so, in time that moves when the test says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldMemory } from "../base/held-memory.ts";
import { ManualScheduler } from "../base/scheduler.ts";
import { sharedClock } from "../base/shared-clock.ts";
import { createRegion, SharedMemory } from "../base/shared-memory.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import type { Attempt } from "../http/attempt.ts";
import type { AnswerFilter, AnswerHead } from "../http/answer.ts";
import { type BodySink, emptySource, noBody, nowhere } from "../http/body.ts";
import { type ClientSide, Exchange } from "../http/exchange.ts";
import { ForwardingPrefix } from "../http/forwarding-fields.ts";
import { RequestHead, ResponseHead } from "../http/message.ts";
import { ProxyError, type ReasonCode } from "../http/reason.ts";
import { silentLogger } from "../observe/logger.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { createPolicies } from "../upstream/policies.ts";
import type { RetryOptions } from "../upstream/retry-options.ts";
import { Upstream } from "../upstream/upstream.ts";
import { forward } from "./forward.ts";
import type { ForwardContext, ForwardPlan } from "./forward-plan.ts";
import { compileRetryPolicy } from "./retry-policy.ts";
import { idleTransport, specAt } from "../upstream/testing/endpoints.ts";

const retryDefaults: RetryOptions = {
  attempts: 2,
  on: ["connect", "reset", 502, 503, 504],
  budgetPercent: 20,
  perTryTimeout: 0,
};
const limits = { maxRequests: 0, maxRequestsPerEndpoint: 0, maxPending: 1_024, pendingTimeout: 5_000, adaptive: null };

/** An upstream of `count` endpoints, and what happened. */
function open({
  count = 3,
  method = "GET",
  retry = {} as Partial<RetryOptions>,
  plan = {} as Partial<ForwardPlan>,
  context = {} as Partial<ForwardContext>,
  onSend = (_count: number): void => {},
  body = noBody,
  filter = null as AnswerFilter | null,
  onBug = (error: unknown): void => {
    throw error;
  },
} = {}) {
  const scheduler = new ManualScheduler();
  const wheel = new TimerWheel({ clock: scheduler.clock });
  const memory = new SharedMemory();
  /** What was sent, oldest first, with the number of its endpoint. */
  const sent: { readonly to: number; readonly attempt: Attempt }[] = [];
  const events: string[] = [];
  /** What was told of endpoints that failed. */
  const failures: string[] = [];
  const handle = {
    resume: () => {},
    cancel: () => void events.push("cancelled"),
    skip: () => void events.push("skipped"),
  };
  const specs = Array.from({ length: count }, (_, index) => specAt(index + 1));
  const retryOptions = { ...retryDefaults, ...retry };
  const upstream = new Upstream({
    name: "api",
    endpoints: specs,
    balance: "round-robin",
    memory,
    stripeIndex: 0,
    stripes: 1,
    createPolicies: (endpoints) =>
      createPolicies({
        upstreamName: "api",
        options: {
          retry: retryOptions,
          outlier: null,
          breaker: null,
          hedge: null,
          limits,
        } as unknown as UpstreamOptions,
        endpoints,
        memory,
        stripeIndex: 0,
        stripes: 1,
        metrics: new MetricWriter({ onPage: () => {} }),
        logger: silentLogger,
        clock: sharedClock,
        previous: null,
      }),
    openTransport: (spec) => ({
      ...idleTransport(),
      send(attempt) {
        attempt.handle = handle;
        sent.push({ to: spec.port, attempt });
        onSend(sent.length);
      },
    }),
  });
  const request = new RequestHead();
  request.method = method;
  request.authority = "a";
  const client: ClientSide = {
    start(head: AnswerHead) {
      events.push(exchange.record.reason ?? String(head.status));
      exchange.isHeadSent = true;
      return nowhere;
    },
    interim: () => true,
    openTunnel: () => emptySource,
    abort: (code) => void events.push(`abort ${code}`),
    onInternalError: onBug,
  };
  const exchange = new Exchange(request, client, {
    listenerName: "main",
    scheme: "http",
    peerAddress: "127.0.0.1",
    peerPort: 1,
  });
  exchange.body = body;
  if (filter !== null) exchange.filterAnswer(filter);
  exchange.record.startedMs = scheduler.clock.now();
  exchange.forwardingPrefix = new ForwardingPrefix({
    peerAddress: "127.0.0.1",
    scheme: "http",
    isPeerTrusted: false,
    pseudonym: "m",
  });
  const whole: ForwardPlan = {
    upstream,
    retry: compileRetryPolicy(retryOptions),
    hedgeAfterMs: 0,
    via: "add",
    totalTimeoutMs: 0,
    timeouts: null,
    keyOf: () => null,
    ...plan,
  };
  forward(exchange, whole, {
    wheel,
    scheduler,
    held: new HeldMemory(createRegion(HeldMemory.byteLength(1)), 0),
    random: () => 1,
    onTunnel: () => {},
    onAttemptFailure: (_, { name }, { code }) => void failures.push(`${code} at ${name.slice(-1)}`),
    onRetry: (_, cause) => void events.push(`retry after ${cause}`),
    onRetryRefused: () => void events.push("refused"),
    onHedge: (_, result) => void events.push(`hedge ${result}`),
    ...context,
  });
  const advance = (ms: number): void => {
    scheduler.advance(ms);
    wheel.advance();
  };
  const answer = (index: number, status: number): void => {
    const head = new ResponseHead();
    head.status = status;
    head.hasDate = true;
    const { attempt } = sent[index]!;
    const sink = attempt.onAnswer(head);
    if (events.at(-1) !== "skipped" && attempt.handle !== null) sink.end(null);
  };
  const fail = (index: number, code: ReasonCode, replay: "safe" | "if-reused" | "unsafe" = "unsafe"): void =>
    sent[index]!.attempt.onFailure(new ProxyError(code, { replay }));
  const targets = (): number[] => sent.map(({ to }) => to);
  /** Nothing is counted as under way, and no timer runs. */
  const assertNothingLeft = (): void => {
    assert.deepEqual(
      [upstream.endpoints.map(({ inFlight }) => inFlight), scheduler.pendingCount, wheel.linkedCount],
      [specs.map(() => 0), 0, 0],
    );
  };
  return { exchange, sent, events, failures, advance, answer, fail, targets, assertNothingLeft };
}

test("a failure is followed by another endpoint after a pause that doubles", () => {
  const { advance, fail, answer, targets, events, exchange, assertNothingLeft } = open();
  fail(0, "UPSTREAM_CONNECT_FAILED", "safe");
  advance(24);
  assert.deepEqual(targets(), [1]);
  advance(1);
  assert.equal(targets().length, 2);
  fail(1, "UPSTREAM_RESET");
  advance(49);
  assert.equal(targets().length, 2);
  advance(1);
  assert.deepEqual(new Set(targets()), new Set([1, 2, 3]), "each at another endpoint");
  answer(2, 200);
  assert.deepEqual(events.slice(0, 3), ["retry after UPSTREAM_CONNECT_FAILED", "retry after UPSTREAM_RESET", "200"]);
  assert.equal(exchange.record.attempts, 3);
  assertNothingLeft();
});

test("when all attempts are used, the last failure is the answer; so it is when nobody else is left", () => {
  for (const count of [2, 5]) {
    const { advance, fail, sent, events, assertNothingLeft } = open({ count });
    for (let index = 0; index < sent.length; index++) {
      fail(index, "UPSTREAM_RESET");
      advance(250);
    }
    assert.equal(events.at(-1), "UPSTREAM_RESET");
    assert.equal(sent.length, Math.min(count, 3));
    assertNothingLeft();
  }
});

test("a connection that was closed while idle is replaced at once, for free", () => {
  const { fail, answer, sent, events, assertNothingLeft } = open({ count: 1, retry: { attempts: 0 } });
  fail(0, "UPSTREAM_RESET", "if-reused");
  assert.deepEqual([sent.length, sent[1]!.attempt.wish], [2, "new"]);
  answer(1, 200);
  assert.equal(events.at(-1), "200");
  assertNothingLeft();
});

test("a failing answer is skipped and followed by another endpoint; its status is the cause", () => {
  const { advance, answer, targets, events, assertNothingLeft } = open();
  answer(0, 503);
  assert.deepEqual(events, ["skipped", "retry after 503"]);
  advance(25);
  answer(1, 200);
  assert.deepEqual([new Set(targets()).size, events.at(-1)], [2, "200"]);
  assertNothingLeft();
});

test("a try that takes too long is cancelled and followed by another endpoint", () => {
  const { advance, answer, sent, events, assertNothingLeft } = open({ retry: { perTryTimeout: 1_000 } });
  advance(999);
  assert.deepEqual(events, []);
  for (let tick = 0; tick < 3; tick++) advance(100);
  assert.deepEqual([events, sent.length], [["cancelled", "retry after UPSTREAM_TRY_TIMEOUT"], 2]);
  answer(1, 200);
  assert.equal(events.at(-1), "200");
  assertNothingLeft();
});

test("a try is limited while its endpoint is slow to take the body or to be connected to, not while the client is slow", () => {
  const slow: BodySink = { ...nowhere, flush: () => false };
  const rows: [what: string, isRepeatable: boolean, target: BodySink | null, isTimedOut: boolean][] = [
    ["no connection yet", false, null, true],
    ["a slow endpoint", false, slow, true],
    ["a slow client", false, nowhere, false],
    ["a slow endpoint and a body that is at hand", true, slow, true],
    ["a body that is at hand", true, nowhere, true],
  ];
  for (const [what, isRepeatable, target, isTimedOut] of rows) {
    let given: BodySink = nowhere;
    const { advance, sent, events } = open({
      method: "PUT",
      retry: { perTryTimeout: 1_000 },
      body: {
        length: 10,
        isRepeatable,
        open(sink) {
          given = sink;
          sink.data(Buffer.from("abc"));
          sink.flush();
          return emptySource;
        },
      },
    });
    if (target !== null) sent[0]!.attempt.onSent(target, false);
    for (let tick = 0; tick < 25; tick++) advance(100);
    assert.equal(events.includes("retry after UPSTREAM_TRY_TIMEOUT"), isTimedOut, what);
    if (isTimedOut) continue;
    given.end(null);
    for (let tick = 0; tick < 13; tick++) advance(100);
    assert.ok(events.includes("retry after UPSTREAM_TRY_TIMEOUT"), `${what}, then the whole body`);
  }
});

test("the total ends everything: an attempt under way, and a pause", () => {
  const waiting = open({ plan: { totalTimeoutMs: 1_000 } });
  for (let tick = 0; tick < 13; tick++) waiting.advance(100);
  assert.deepEqual(waiting.events, ["cancelled", "TOTAL_TIMEOUT"]);
  waiting.assertNothingLeft();
  const pausing = open({ plan: { totalTimeoutMs: 1_000 } });
  for (let tick = 0; tick < 10; tick++) pausing.advance(100);
  pausing.fail(0, "UPSTREAM_RESET");
  pausing.exchange.cancel("CLIENT_GONE");
  pausing.assertNothingLeft();
});

test("a hedge goes to another endpoint after its time, and only once", () => {
  const { advance, answer, targets, events, assertNothingLeft } = open({ plan: { hedgeAfterMs: 200 } });
  advance(199);
  assert.deepEqual(targets(), [1]);
  advance(1);
  assert.equal(new Set(targets()).size, 2);
  advance(10_000);
  assert.equal(targets().length, 2);
  answer(1, 200);
  assert.deepEqual(
    events.filter((event) => event !== "cancelled"),
    ["hedge won", "200"],
  );
  assertNothingLeft();
});

test("a client that leaves ends both attempts", () => {
  const { advance, exchange, events, assertNothingLeft } = open({ plan: { hedgeAfterMs: 200 } });
  advance(200);
  exchange.cancel("CLIENT_GONE");
  assert.deepEqual(events.filter((event) => event === "cancelled").length, 2);
  assertNothingLeft();
});

test("what may have been done is not repeated", () => {
  const { fail, sent, events, assertNothingLeft } = open({ method: "POST" });
  fail(0, "UPSTREAM_RESET");
  assert.deepEqual([sent.length, events], [1, ["UPSTREAM_RESET"]]);
  assertNothingLeft();
});

test("a bug in what follows a failure, or in the sending of the next attempt, is answered and leaves nothing behind", () => {
  const bug = new Error("a bug");
  const seen: unknown[] = [];
  const onBug = (error: unknown): void => void seen.push(error);
  const judging = open({
    onBug,
    context: {
      onRetry: () => {
        throw bug;
      },
    },
  });
  judging.fail(0, "UPSTREAM_RESET");
  assert.deepEqual([judging.events, seen], [["INTERNAL_ERROR"], [bug]]);
  judging.assertNothingLeft();
  const sending = open({
    onBug,
    onSend: (count) => {
      if (count === 2) throw bug;
    },
  });
  sending.fail(0, "UPSTREAM_RESET");
  sending.advance(25);
  assert.deepEqual([sending.events.at(-1), seen], ["INTERNAL_ERROR", [bug, bug]]);
  sending.assertNothingLeft();
});

const bug = new Error("a bug");
const thrower = (): never => {
  throw bug;
};
const sink: BodySink = { data: () => {}, flush: () => true, end: () => true, abort: () => {} };

/** A filter whose body's sink is like `sink`, but for `part`. */
const filterWith = (part: Partial<BodySink>): AnswerFilter => ({
  start(taken, source, next) {
    next.start(taken, source);
    return { ...sink, ...part };
  },
});

for (const [place, options, expected] of [
  ["the request's body when it is opened", { body: { ...noBody, length: 5, open: thrower } }, ["INTERNAL_ERROR"]],
  ["a filter when the answer starts", { filter: { start: thrower } }, ["INTERNAL_ERROR"]],
  ["a filter's sink when it takes a chunk", { filter: filterWith({ data: thrower }) }, ["200", "abort INTERNAL_ERROR"]],
  ["a filter's sink when it is flushed", { filter: filterWith({ flush: thrower }) }, ["200", "abort INTERNAL_ERROR"]],
  ["a filter's sink when the body ends", { filter: filterWith({ end: thrower }) }, ["200", "abort INTERNAL_ERROR"]],
  ["what follows an interim answer", { filter: { start: filterWith({}).start, interim: thrower } }, ["INTERNAL_ERROR"]],
] as const) {
  test(`a bug in ${place} ends that exchange and is not thrown at the connection that others share`, () => {
    const seen: unknown[] = [];
    const { sent, events, assertNothingLeft } = open({
      ...options,
      method: "POST",
      onBug: (error) => seen.push(error),
    });
    const { attempt } = sent[0]!;
    const head = Object.assign(new ResponseHead(), { status: 200, hasDate: true });
    attempt.onSent(sink, true);
    if (attempt.handle !== null) attempt.onInterim(Object.assign(new ResponseHead(), { status: 103 }));
    const answer = attempt.handle === null ? nowhere : attempt.onAnswer(head);
    if (attempt.handle !== null) answer.data(Buffer.from("x"));
    if (attempt.handle !== null) answer.flush();
    if (attempt.handle !== null) answer.end(null);
    assert.deepEqual([seen, events.filter((event) => event !== "cancelled")], [[bug], expected]);
    assertNothingLeft();
  });
}

test("every attempt that fails is told with its endpoint, the last one and the hedge, too; a connection that had been closed while idle is not", () => {
  const { fail, advance, failures } = open({ count: 2 });
  fail(0, "UPSTREAM_RESET", "if-reused");
  assert.equal(failures.length, 0);
  fail(1, "UPSTREAM_CONNECT_FAILED", "safe");
  advance(25);
  fail(2, "UPSTREAM_FIRST_BYTE_TIMEOUT");
  assert.deepEqual(
    failures.map((failure) => failure.slice(0, -1)),
    ["UPSTREAM_CONNECT_FAILED at ", "UPSTREAM_FIRST_BYTE_TIMEOUT at "],
  );
  assert.notEqual(failures[0]!.slice(-1), failures[1]!.slice(-1));
  const hedged = open({ plan: { hedgeAfterMs: 10 } });
  hedged.advance(10);
  hedged.fail(1, "UPSTREAM_RESET");
  hedged.fail(0, "UPSTREAM_BAD_RESPONSE");
  assert.deepEqual(hedged.failures, ["UPSTREAM_RESET at 2", "UPSTREAM_BAD_RESPONSE at 1"]);
});
