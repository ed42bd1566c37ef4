/** The checker's order and timing, with probes that are answered by hand and time that moves by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import { createRegion, SharedMemory } from "../../base/shared-memory.ts";
import { EndpointState } from "../endpoint-state.ts";
import type { HealthOptions } from "../health-options.ts";
import { UpstreamState } from "../upstream-state.ts";
import { HealthChecker, type HealthEvent, type HealthTarget } from "./health-checker.ts";
import type { Probe, ProbeResult } from "./http-probe.ts";
import { specAt } from "../testing/endpoints.ts";

const defaults: HealthOptions = {
  path: "/",
  host: null,
  tcp: null,
  interval: 5_000,
  fastInterval: 1_000,
  timeout: 2_000,
  rise: 2,
  initial: "healthy",
  fall: 3,
  jitter: 0,
  expect: [{ from: 200, to: 399 }],
};

function bench(options: { maxConcurrent?: number; random?: () => number } = {}) {
  const scheduler = new ManualScheduler();
  const memory = new SharedMemory();
  const shared = UpstreamState.open(memory, "api");
  const events: HealthEvent[] = [];
  /** Probes under way, by endpoint. */
  const underWay = new Map<string, { answer: (isSuccess: boolean | null) => void }>();
  let cancelled = 0;
  const probe: Probe = (endpoint, _options, onResult) => {
    assert.ok(!underWay.has(endpoint.url), "never two checks of one endpoint at a time");
    const startedMs = scheduler.clock.now();
    underWay.set(endpoint.url, {
      answer: (isSuccess) => {
        underWay.delete(endpoint.url);
        const status = isSuccess === null ? null : isSuccess ? 200 : 503;
        const result: ProbeResult = {
          isSuccess,
          status,
          reason: status === null ? "EMFILE" : `status ${status}`,
          durationMs: scheduler.clock.now() - startedMs,
        };
        onResult(result);
      },
    });
    return {
      cancel: () => {
        if (underWay.delete(endpoint.url)) cancelled++;
      },
    };
  };
  const checker = new HealthChecker({
    scheduler,
    probe,
    random: options.random ?? (() => 0.5),
    onChange: (event) => events.push(event),
    ...(options.maxConcurrent && { maxConcurrent: options.maxConcurrent }),
  });
  const target = (port: number, more: Partial<HealthOptions> = {}, upstream = "api"): HealthTarget => {
    const endpoint = specAt(port, { url: `http://h:${port}`, host: "h" });
    return {
      upstream,
      endpoint,
      options: { ...defaults, ...more },
      state: EndpointState.open(memory, {
        upstreamName: "api",
        url: endpoint.url,
        stripeIndex: -1,
        stripes: 1,
        upstream: shared,
      }),
    };
  };
  const answer = (port: number, isSuccess: boolean | null): void => underWay.get(`http://h:${port}`)!.answer(isSuccess);
  const isUnderWay = (port: number): boolean => underWay.has(`http://h:${port}`);
  return { scheduler, memory, shared, events, checker, target, answer, isUnderWay, cancelled: () => cancelled };
}

test("first checks start at once and together, their results decide, and the round is done after the last", async () => {
  const { checker, target, answer, events, shared } = bench();
  const targets = [target(1), target(2)];
  let isDone = false;
  checker.update(targets);
  const done = checker.firstRoundDone.then(() => (isDone = true));
  const epoch = shared.epoch;
  answer(2, false);
  assert.equal(targets[1]!.state.healthName, "unhealthy");
  assert.equal(shared.epoch, epoch + 1);
  await Promise.resolve();
  assert.equal(isDone, false);
  answer(1, true);
  await done;
  assert.deepEqual(
    events.map(({ upstream, endpoint, from, to, reason }) => [upstream, endpoint, from, to, reason]),
    [
      ["api", "http://h:2", "unknown", "unhealthy", "status 503"],
      ["api", "http://h:1", "unknown", "healthy", "status 200"],
    ],
  );
  checker.close();
});

test("an endpoint that is not trusted before its first check is in with the first that passes, and said to be out if it fails", () => {
  const { checker, target, answer, events } = bench();
  const [good, bad] = [target(1), target(2)];
  for (const { state } of [good, bad]) state.distrust();
  checker.update([good, bad]);
  assert.deepEqual([good.state.isAdmitting, good.state.isAnswering], [false, false]);
  answer(1, true);
  answer(2, false);
  assert.deepEqual([good.state.healthName, bad.state.healthName], ["healthy", "unhealthy"]);
  assert.deepEqual(
    events.map(({ endpoint, from, to }) => [endpoint, from, to]),
    [
      ["http://h:1", "unhealthy", "healthy"],
      ["http://h:2", "unhealthy", "unhealthy"],
    ],
  );
  checker.close();
});

test("without anything to check the first round is done", async () => {
  const { checker } = bench();
  await checker.firstRoundDone;
  checker.update([]);
  await checker.firstRoundDone;
});

test("checks come every interval, and every fast interval while the verdict wavers", () => {
  const { checker, target, answer, isUnderWay, scheduler, events } = bench();
  const only = target(1);
  checker.update([only]);
  answer(1, true);
  scheduler.advance(4_999);
  assert.equal(isUnderWay(1), false);
  scheduler.advance(1);
  answer(1, false);
  for (let failures = 2; failures <= 3; failures++) {
    assert.equal(only.state.healthName, "healthy");
    scheduler.advance(999);
    assert.equal(isUnderWay(1), false);
    scheduler.advance(1);
    answer(1, false);
  }
  assert.equal(only.state.healthName, "unhealthy");
  scheduler.advance(4_999);
  assert.equal(isUnderWay(1), false, "once fallen, the interval is the ordinary one");
  scheduler.advance(1);
  answer(1, true);
  scheduler.advance(1_000);
  answer(1, true);
  assert.equal(only.state.healthName, "healthy");
  assert.deepEqual(
    events.map((event) => event.to),
    ["healthy", "unhealthy", "healthy"],
  );
  checker.close();
});

test("if requests pile up, the next check comes early, and no other after it unless there are still more", () => {
  const { checker, target, answer, isUnderWay, scheduler, memory, shared } = bench();
  const only = target(1);
  const thread = EndpointState.open(memory, {
    upstreamName: "api",
    url: only.endpoint.url,
    stripeIndex: 0,
    stripes: 1,
    upstream: shared,
  });
  checker.update([only]);
  thread.enter();
  answer(1, true);
  for (let count = 0; count < 4; count++) thread.enter();
  scheduler.advance(1_000);
  assert.equal(isUnderWay(1), false, "five are no more than twice one and a few");
  thread.enter();
  scheduler.advance(999);
  assert.equal(isUnderWay(1), false);
  scheduler.advance(1);
  assert.equal(isUnderWay(1), true);
  answer(1, true);
  scheduler.advance(4_999);
  assert.equal(isUnderWay(1), false, "it has answered: so many are usual there");
  scheduler.advance(1);
  assert.equal(isUnderWay(1), true);
  checker.close();
});

test("a check that could not be made changes nothing, and is made again soon", () => {
  const { checker, target, answer, isUnderWay, scheduler, events } = bench();
  const only = target(1, { fall: 1 });
  checker.update([only]);
  answer(1, true);
  scheduler.advance(5_000);
  for (let count = 0; count < 5; count++) {
    answer(1, null);
    assert.deepEqual([only.state.healthName, only.state.isAnswering, events.length], ["healthy", true, 1]);
    scheduler.advance(999);
    assert.equal(isUnderWay(1), false);
    scheduler.advance(1);
    assert.equal(isUnderWay(1), true);
  }
  assert.deepEqual(
    checker.status().map(({ successes, failures }) => [successes, failures]),
    [[1, 0]],
  );
  answer(1, false);
  assert.equal(only.state.healthName, "unhealthy");
  checker.close();
});

test("the interval counts from start to start, and a check that outlasts it is not overtaken", () => {
  const { checker, target, answer, isUnderWay, scheduler } = bench();
  checker.update([target(1, { interval: 1_000, timeout: 3_000 })]);
  scheduler.advance(400);
  answer(1, true);
  scheduler.advance(599);
  assert.equal(isUnderWay(1), false);
  scheduler.advance(1);
  scheduler.advance(2_500);
  answer(1, true);
  scheduler.advance(0);
  assert.equal(isUnderWay(1), true);
  checker.close();
});

test("jitter moves an interval by its share at most, either way", () => {
  for (const [random, dueMs] of [
    [0, 4_000],
    [0.5, 5_000],
    [0.999999, 6_000],
  ] as const) {
    const { checker, target, answer, isUnderWay, scheduler } = bench({ random: () => random });
    checker.update([target(1, { jitter: 0.2 })]);
    answer(1, true);
    scheduler.advance(dueMs - 1);
    assert.equal(isUnderWay(1), false);
    scheduler.advance(1.1);
    assert.equal(isUnderWay(1), true);
    checker.close();
  }
});

test("only so many checks of an upstream run at a time; the others follow as these end", async () => {
  const { checker, target, answer, isUnderWay } = bench({ maxConcurrent: 2 });
  checker.update([1, 2, 3, 4].map((port) => target(port)));
  assert.deepEqual([1, 2, 3, 4].map(isUnderWay), [true, true, false, false]);
  answer(2, true);
  assert.deepEqual([1, 3, 4].map(isUnderWay), [true, true, false]);
  answer(1, true);
  answer(3, true);
  answer(4, false);
  await checker.firstRoundDone;
  checker.close();
});

test("a check that waits its turn or runs can be taken away, and its turn is passed on", () => {
  const { checker, target, isUnderWay, cancelled } = bench({ maxConcurrent: 1 });
  const [running, waiting, next] = [target(1), target(2), target(3)];
  checker.update([running, waiting, next]);
  checker.update([running, next]);
  assert.deepEqual([isUnderWay(1), cancelled()], [true, 0]);
  checker.update([next]);
  assert.deepEqual([isUnderWay(1), isUnderWay(2), isUnderWay(3), cancelled()], [false, false, true, 1]);
  checker.close();
});

test("checks of an upstream that hang hold up none of another, in any round", () => {
  const { checker, target, answer, isUnderWay, scheduler } = bench({ maxConcurrent: 2 });
  checker.update([
    ...[1, 2, 3, 4].map((port) => target(port)),
    target(11, { interval: 1_000 }, "other"),
    target(12, { interval: 1_000 }, "other"),
  ]);
  assert.deepEqual([1, 2, 3, 4, 11, 12].map(isUnderWay), [true, true, false, false, true, true]);
  for (let round = 0; round < 5; round++) {
    answer(11, true);
    answer(12, true);
    scheduler.advance(1_000);
    assert.deepEqual([3, 4, 11, 12].map(isUnderWay), [false, false, true, true]);
  }
  checker.close();
});

test("hundreds of endpoints that hang are all checked in every interval", () => {
  const ports = Array.from({ length: 600 }, (_, at) => at + 1);
  const { checker, target, answer, isUnderWay, scheduler } = bench({ random: () => 0.5 });
  checker.update(ports.map((port) => target(port)));
  assert.equal(ports.filter(isUnderWay).length, 64, "not all in one turn");
  scheduler.advance(500);
  assert.equal(ports.filter(isUnderWay).length, 600);
  for (const port of ports) answer(port, false);
  scheduler.advance(5_000);
  assert.equal(ports.filter(isUnderWay).length, 600);
  checker.close();
});

test("an update keeps what did not change: its rhythm, its counters, its verdict", async () => {
  const { checker, target, answer, isUnderWay, scheduler, events } = bench();
  checker.update([target(1), target(2)]);
  answer(1, true);
  answer(2, true);
  scheduler.advance(3_000);
  checker.update([target(2), target(3), target(1)]);
  assert.deepEqual([1, 2, 3].map(isUnderWay), [false, false, true]);
  let isDone = false;
  const done = checker.firstRoundDone.then(() => (isDone = true));
  await Promise.resolve();
  assert.equal(isDone, false, "the new one has had no result yet");
  answer(3, true);
  await done;
  scheduler.advance(2_000);
  assert.deepEqual([1, 2, 3].map(isUnderWay), [true, true, false]);
  answer(1, true);
  assert.deepEqual(
    checker.status().map((status) => [status.endpoint, status.successes, status.health]),
    [
      ["http://h:2", 1, "healthy"],
      ["http://h:3", 1, "healthy"],
      ["http://h:1", 2, "healthy"],
    ],
  );
  assert.equal(events.length, 3);
  checker.close();
});

test("changed options check anew: the health stays until the first result, which decides", () => {
  const { checker, target, answer, events } = bench();
  const only = target(1);
  checker.update([only]);
  answer(1, false);
  checker.update([target(1, { path: "/other" })]);
  assert.equal(only.state.healthName, "unhealthy");
  answer(1, true);
  assert.equal(only.state.healthName, "healthy");
  assert.deepEqual(
    events.map((event) => [event.from, event.to]),
    [
      ["unknown", "unhealthy"],
      ["unhealthy", "healthy"],
    ],
  );
  const [status] = checker.status();
  assert.deepEqual([status?.successes, status?.failures], [1, 1], "the counters go on");
  checker.close();
});

test("an endpoint that is no longer checked is unknown again and may be used", () => {
  const { checker, target, answer, scheduler } = bench();
  const only = target(1);
  checker.update([only]);
  answer(1, false);
  checker.update([]);
  assert.equal(only.state.healthName, "unknown");
  assert.equal(only.state.isAdmitting, true);
  assert.equal(scheduler.pendingCount, 0);
});

test("closing cancels checks and timers, keeps the verdicts, and lets nobody wait for the round", async () => {
  const { checker, target, answer, isUnderWay, scheduler, cancelled } = bench();
  const [decided, undecided] = [target(1), target(2)];
  checker.update([decided, undecided]);
  answer(1, false);
  const done = checker.firstRoundDone;
  checker.close();
  await done;
  assert.deepEqual([isUnderWay(2), cancelled(), scheduler.pendingCount], [false, 1, 0]);
  assert.equal(decided.state.healthName, "unhealthy");
  assert.deepEqual(checker.status(), []);
});

test("a listener may close the checker", () => {
  const scheduler = new ManualScheduler();
  const shared = new UpstreamState(createRegion(UpstreamState.byteLength));
  const state = new EndpointState(createRegion(EndpointState.byteLength(1)), {
    stripeIndex: -1,
    stripes: 1,
    upstream: shared,
  });
  const endpoint = specAt(1);
  let answer = (): void => {};
  const checker = new HealthChecker({
    scheduler,
    probe: (_endpoint, _options, onResult) => {
      answer = () => onResult({ isSuccess: true, status: 200, reason: "status 200", durationMs: 1 });
      return { cancel: () => {} };
    },
    onChange: () => checker.close(),
  });
  checker.update([{ upstream: "api", endpoint, options: defaults, state }]);
  answer();
  assert.equal(scheduler.pendingCount, 0);
});
