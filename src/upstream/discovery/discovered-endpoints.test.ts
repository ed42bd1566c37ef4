import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import type { KeptList } from "./last-good-file.ts";
import { endpoint, endpoints, KeptInMemory, setUpDiscovered } from "./testing/told-discovery.ts";

/** Where the clock of tests stands. */
const systemStartWallMs = new ManualClock().wall();

const settled = async (promise: Promise<void>): Promise<boolean> => {
  let isSettled = false;
  void promise.then(() => (isSettled = true));
  await Promise.resolve();
  await Promise.resolve();
  return isSettled;
};

test("the list is what is written and what is discovered; a URL that is in both is as it is written", async () => {
  const { source, discovery, listed } = setUpDiscovered({ written: [endpoint(1, { weight: 7 })] });
  assert.deepEqual(listed(), [1]);
  assert.equal(await settled(source.ready), false);
  discovery.tell([endpoint(2), endpoint(1), endpoint(2, { weight: 3 })]);
  assert.equal(await settled(source.ready), true);
  assert.deepEqual(
    source.endpoints.map(({ host, weight }) => [host, weight]),
    [
      ["10.0.0.1", 7],
      ["10.0.0.2", 1],
    ],
  );
});

test("the same again, in whatever order, is no change; what changes in a burst is told once, and no later than 100 ms", () => {
  const { discovery, changes, scheduler, source, listed } = setUpDiscovered();
  discovery.tell(endpoints(1, 2));
  scheduler.advance(20);
  assert.equal(changes(), 1);
  const before = source.endpoints;
  discovery.tell(endpoints(2, 1));
  discovery.observer!.onAlive();
  scheduler.advance(1_000);
  assert.equal(changes(), 1);
  assert.equal(source.endpoints, before);
  for (let at = 3; at < 14; at++) {
    discovery.tell(endpoints(1, 2, at));
    scheduler.advance(10);
    assert.equal(changes(), at < 12 ? 1 : 2);
  }
  scheduler.advance(100);
  assert.equal(changes(), 3);
  assert.deepEqual(listed(), [1, 2, 13]);
  assert.deepEqual(source.report().updates, { changed: 12, unchanged: 2, failed: 0, held: 0 });
});

test("while the source is away the last list is used, and its age is known", () => {
  const { source, discovery, scheduler, listed, lines } = setUpDiscovered();
  discovery.tell(endpoints(1, 2), { version: "17" });
  scheduler.advance(5_000);
  const saidAt = scheduler.clock.wall() - 5_000;
  discovery.observer!.onFailure("connection refused");
  assert.deepEqual(listed(), [1, 2]);
  const report = source.report();
  assert.equal(report.state, "stale");
  assert.equal(report.isUp, false);
  assert.equal(report.version, "17");
  assert.equal(report.lastSuccessWallMs, saidAt);
  assert.deepEqual(report.lastError, { reason: "connection refused", atWallMs: scheduler.clock.wall() });
  assert.equal(lines.at(-1)?.message, "endpoints cannot be discovered; the last list is used");
  discovery.observer!.onAlive();
  assert.equal(source.report().state, "live");
});

test("an answer that leaves nothing is held back, seen, and believed in the end", () => {
  const { source, discovery, scheduler, listed, lines } = setUpDiscovered();
  discovery.tell(endpoints(1, 2));
  discovery.tell([]);
  assert.deepEqual(listed(), [1, 2]);
  assert.equal(source.report().state, "held");
  assert.equal(source.report().heldBack, 2);
  assert.equal(source.report().updates.held, 1);
  assert.match(lines.at(-1)?.message ?? "", /too few endpoints to be believed/);
  scheduler.advance(29_999);
  discovery.tell([]);
  assert.deepEqual(listed(), [1, 2]);
  scheduler.advance(1);
  assert.deepEqual(listed(), []);
  assert.equal(source.report().state, "live");
  assert.match(lines.at(-1)?.message ?? "", /is believed now/);
});

test("an answer that has them again ends it, and those that come meanwhile are taken at once", () => {
  const { source, discovery, scheduler, listed } = setUpDiscovered();
  discovery.tell(endpoints(1, 2, 3));
  discovery.tell([endpoint(9), endpoint(3, { weight: 4 })].slice(0, 1));
  assert.deepEqual(listed().toSorted(), [1, 2, 3, 9]);
  discovery.tell(endpoints(1, 2, 3));
  assert.deepEqual(listed().toSorted(), [1, 2, 3]);
  assert.equal(source.report().state, "live");
  scheduler.advance(60_000);
  assert.deepEqual(listed().toSorted(), [1, 2, 3]);
});

test("a source that is certain is believed at once", () => {
  const { discovery, listed } = setUpDiscovered();
  discovery.tell(endpoints(1, 2));
  discovery.tell([], { isCertain: true });
  assert.deepEqual(listed(), []);
});

test("what a source said before it went away is not believed while it is away", () => {
  const { discovery, scheduler, listed } = setUpDiscovered();
  discovery.tell(endpoints(1, 2));
  discovery.tell([]);
  discovery.observer!.onFailure("reset");
  scheduler.advance(90_000);
  assert.deepEqual(listed(), [1, 2]);
  discovery.observer!.onAlive();
  scheduler.advance(30_000);
  assert.deepEqual(listed(), []);
});

test("a start waits for the first list no longer than it may; the kept list serves meanwhile", async () => {
  const { source, discovery, scheduler, listed, lines } = setUpDiscovered({
    lastGood: new KeptInMemory({ endpoints: endpoints(1, 2), savedWallMs: systemStartWallMs - 60_000 }),
  });
  assert.equal(source.report().state, "waiting");
  await Promise.resolve();
  assert.deepEqual(listed(), [1, 2]);
  assert.equal(source.report().state, "restored");
  assert.deepEqual(lines.at(-1)?.fields["ageSeconds"], 60);
  scheduler.advance(1_999);
  discovery.observer!.onFailure("refused");
  assert.equal(await settled(source.ready), false);
  scheduler.advance(1);
  assert.equal(await settled(source.ready), true);
  assert.deepEqual(listed(), [1, 2]);
  assert.equal(source.report().state, "restored");
});

test("the source outranks the kept list, however few endpoints it has; that it has none is doubted all the same", async () => {
  const kept = new KeptInMemory({ endpoints: endpoints(1, 2, 3, 4), savedWallMs: 0 });
  const few = setUpDiscovered({ lastGood: kept });
  await Promise.resolve();
  few.discovery.tell(endpoints(9));
  assert.deepEqual(few.listed(), [9]);
  assert.deepEqual(kept.noted, [endpoints(9)]);

  const none = setUpDiscovered({ lastGood: new KeptInMemory({ endpoints: endpoints(1), savedWallMs: 0 }) });
  await Promise.resolve();
  none.discovery.tell([]);
  assert.deepEqual(none.listed(), [1]);
  none.scheduler.advance(30_000);
  assert.deepEqual(none.listed(), []);

  const late = setUpDiscovered({ lastGood: new KeptInMemory({ endpoints: endpoints(1), savedWallMs: 0 }) });
  late.discovery.tell(endpoints(2));
  await Promise.resolve();
  assert.deepEqual(late.listed(), [2], "a file that is read late says nothing");
});

test("what does not fit, what is refused and what is too much is left out, counted and said", () => {
  const { source, discovery, listed, lines } = setUpDiscovered({
    refuse: (url) => (url.includes("10.0.0.3") ? `${url} speaks no HTTP` : null),
  });
  discovery.tell(endpoints(1, 3), { refused: ["/a: not JSON"] });
  assert.deepEqual(listed(), [1]);
  assert.equal(source.report().refusedCount, 2);
  assert.deepEqual(source.report().refused, ["/a: not JSON", "http://10.0.0.3:80 speaks no HTTP"]);
  const said = lines.filter(({ message }) => message === "records of endpoints are refused").length;
  discovery.tell(endpoints(1, 3), { refused: ["/a: not JSON"] });
  assert.equal(lines.filter(({ message }) => message === "records of endpoints are refused").length, said, "once");
  discovery.tell(endpoints(1), { refused: Array.from({ length: 50 }, () => "x".repeat(5_000)) });
  assert.equal(source.report().refusedCount, 50);
  assert.ok(JSON.stringify(source.report()).length < 10_000);
});

test("after the end nothing is told, kept or left", async () => {
  const { source, discovery, scheduler, listed, changes } = setUpDiscovered();
  discovery.tell(endpoints(1, 2));
  discovery.tell([]);
  await source.close();
  await source.close();
  assert.equal(discovery.isClosed, true);
  discovery.tell(endpoints(5));
  discovery.observer!.onFailure("late");
  discovery.observer!.onAlive();
  assert.deepEqual(listed(), [1, 2]);
  assert.equal(changes(), 0);
  assert.equal(scheduler.pendingCount, 0);
});

test("an answer that lists nothing, and comes before the last good list is read, does not take its place", async () => {
  const { promise, resolve } = Promise.withResolvers<KeptList | null>();
  const lastGood = new KeptInMemory(null);
  lastGood.read = () => promise;
  const { source, discovery, scheduler, listed } = setUpDiscovered({ lastGood });
  discovery.tell([]);
  resolve({ endpoints: endpoints(1, 2), savedWallMs: systemStartWallMs - 60_000 });
  await promise;
  assert.deepEqual(listed(), [1, 2]);
  assert.equal(source.report().state, "held");
  assert.equal(await settled(source.ready), true);
  assert.deepEqual(lastGood.noted, [], "nothing is written over it");
  scheduler.advance(30_000);
  assert.deepEqual(listed(), []);
});

test("a last good list that cannot be read in time holds nothing up, nor does it come late", async () => {
  const { promise, resolve } = Promise.withResolvers<KeptList | null>();
  const lastGood = new KeptInMemory(null);
  lastGood.read = () => promise;
  const { source, discovery, scheduler, listed } = setUpDiscovered({ lastGood });
  discovery.tell([]);
  assert.equal(source.report().state, "waiting");
  scheduler.advance(2_000);
  assert.equal(await settled(source.ready), true);
  assert.equal(source.report().state, "live");
  resolve({ endpoints: endpoints(1), savedWallMs: systemStartWallMs });
  await promise;
  assert.deepEqual(listed(), []);
});

test("an answer that has endpoints is taken at once, though the last good list is being read", async () => {
  const lastGood = new KeptInMemory({ endpoints: endpoints(1, 2), savedWallMs: systemStartWallMs });
  const { discovery, listed } = setUpDiscovered({ lastGood });
  discovery.tell([]);
  discovery.tell(endpoints(3));
  assert.deepEqual(listed(), [3]);
  await Promise.resolve();
  assert.deepEqual(listed(), [3]);
});

test("a list is kept only when its configuration runs: a reload that fails leaves the file to the source before it", async () => {
  const refused = new KeptInMemory(null);
  const failed = setUpDiscovered({ lastGood: refused, isRunning: false });
  failed.discovery.tell(endpoints(1));
  failed.discovery.observer!.onAlive();
  await failed.source.close();
  assert.deepEqual(refused.noted, []);

  const taken = new KeptInMemory(null);
  const { discovery, run } = setUpDiscovered({ lastGood: taken, isRunning: false });
  discovery.tell(endpoints(1, 2));
  assert.deepEqual(taken.noted, []);
  run();
  assert.deepEqual(taken.noted, [endpoints(1, 2)]);
});

test("a disk that hangs does not keep endpoints that their source no longer has", async () => {
  const lastGood = new KeptInMemory(null);
  lastGood.read = () => new Promise<never>(() => {});
  const served = setUpDiscovered({ lastGood });
  served.discovery.tell(endpoints(1));
  served.discovery.tell([]);
  assert.equal(served.source.report().state, "held");
  served.scheduler.advance(30_000);
  assert.deepEqual(served.listed(), []);

  const late = setUpDiscovered({ lastGood });
  late.scheduler.advance(2_000);
  late.discovery.tell([]);
  assert.equal(late.source.report().state, "live");
});

test("what comes and goes while others are held back does not pile up", () => {
  const { discovery, listed, source } = setUpDiscovered();
  discovery.tell(endpoints(1, 2, 3, 4));
  for (let last = 10; last < 100; last++) discovery.tell(endpoints(last));
  assert.deepEqual(listed().sort(), [1, 2, 3, 4, 99]);
  assert.equal(source.report().heldBack, 4);
  discovery.tell(endpoints(1, 2, 98));
  assert.deepEqual(listed(), [1, 2, 98], "the source has them again");
});
