import assert from "node:assert/strict";
import { test } from "node:test";
import { loopTurns } from "../../../../test/support/signal.ts";
import { endpoints } from "./testing/slices.ts";
import { lists, selector, startWatch, watches, watching } from "./testing/watch-scene.ts";

test("it lists without a version, and watches from the version of the list", async (context) => {
  const scene = await startWatch(context);
  await watching(scene);
  const [list, watch] = scene.server.questions;
  assert.equal(list?.parameters.get("resourceVersion"), null);
  assert.equal(list?.parameters.get("labelSelector"), selector);
  assert.equal(watch?.parameters.get("resourceVersion"), String(scene.server.version));
  assert.equal(watch?.parameters.get("allowWatchBookmarks"), "true");
  const seconds = Number(watch?.parameters.get("timeoutSeconds"));
  assert.ok(seconds >= 45 && seconds <= 90, String(seconds));
  assert.equal(scene.known(), "app-1:10.0.0.1");
  assert.deepEqual(scene.failures, []);
});

test("slices that come, change and go are told, and no others", async (context) => {
  const scene = await startWatch(context);
  const { server, known, pass } = scene;
  await watching(scene);
  server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "app-1:10.0.0.1 app-2:10.0.0.2", "a slice has come");
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.3", "10.0.0.4") });
  await pass(() => known() === "app-1:10.0.0.3+10.0.0.4 app-2:10.0.0.2", "a slice has changed");
  server.put({ name: "other-1", service: "other", endpoints: endpoints("10.0.0.8") });
  server.remove("app-1");
  await pass(() => known() === "app-2:10.0.0.2", "a slice has gone");
  server.put({ name: "app-2", service: "other", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "", "a slice belongs to another Service");
  assert.equal(lists(server), 1);
});

test("what happens between the list and the watch, or between two watches, is not missed", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.refuse = ({ verb }) => {
      server.refuse = () => null;
      if (verb === "list")
        queueMicrotask(() => server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2") }));
      return null;
    };
  });
  const { server, scheduler, known, pass } = scene;
  await watching(scene);
  await pass(() => known() === "app-1:10.0.0.1 app-2:10.0.0.2", "the first gap is closed");
  scheduler.advance(6_000);
  server.endWatches();
  await pass(() => server.watchCount === 0, "the watch is over");
  server.remove("app-1");
  await pass(() => known() === "app-2:10.0.0.2", "the second gap is closed");
  assert.equal(lists(server), 1);
  assert.deepEqual(scene.failures, []);
});

test("a list of several pages is one list, and complete with its last page", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.maxPageItems = 2;
    for (let at = 2; at <= 7; at++)
      server.put({ name: `app-${at}`, service: "app", endpoints: endpoints(`10.0.0.${at}`) });
  });
  await watching(scene);
  assert.equal(scene.states.length, 1);
  assert.equal(scene.states[0]?.slices.size, 7);
  assert.equal(lists(scene.server), 4);
});

test("410 in the middle of the pages: the list begins anew, and half a list is never told", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.maxPageItems = 2;
    for (let at = 2; at <= 5; at++)
      server.put({ name: `app-${at}`, service: "app", endpoints: endpoints(`10.0.0.${at}`) });
    server.refuse = ({ parameters }) => {
      if (!parameters.has("continue")) return null;
      server.compact();
      server.refuse = () => null;
      return null;
    };
  });
  await watching(scene);
  assert.deepEqual(
    scene.states.map(({ slices }) => slices.size),
    [5],
  );
  assert.deepEqual(scene.failures, []);
});

for (const goneAs of ["status", "event"] as const)
  test(`a version that is compacted, said by ${goneAs}, is listed anew`, async (context) => {
    const scene = await startWatch(context, (server) => void (server.goneAs = goneAs));
    const { server, scheduler, known, pass } = scene;
    await watching(scene);
    scheduler.advance(6_000);
    server.endWatches();
    await pass(() => server.watchCount === 0, "the watch is over");
    server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2") });
    server.remove("app-1");
    server.compact();
    await pass(() => known() === "app-2:10.0.0.2", "it is listed anew");
    await watching(scene);
    assert.equal(lists(server), 2);
    assert.deepEqual(scene.failures, []);
  });

test("bookmarks keep the version fresh", async (context) => {
  const scene = await startWatch(context);
  const { server, scheduler, pass } = scene;
  await watching(scene);
  const before = scene.aliveCount;
  server.pass(500);
  server.bookmark();
  await pass(() => scene.aliveCount > before, "it has read the bookmark");
  server.compact();
  scheduler.advance(6_000);
  server.endWatches();
  await pass(() => watches(server) === 2, "it watches again");
  assert.equal(server.questions.at(-1)?.parameters.get("resourceVersion"), String(server.version));
  assert.equal(lists(server), 1);
  assert.equal(scene.states.length, 1, "nothing is told anew");
});

test("a watch in which nothing comes any more is given up after its time", async (context) => {
  const scene = await startWatch(context);
  const { server, scheduler, known, pass } = scene;
  await watching(scene);
  server.refuse = () => "stall";
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "app-1:10.0.0.2", "it watches");
  const beganMs = scheduler.clock.now();
  await pass(() => watches(server) === 2, "it watches again");
  const tookMs = scheduler.clock.now() - beganMs;
  assert.ok(tookMs >= 55_000 && tookMs <= 102_000, String(tookMs));
  assert.match(scene.failures.join(), /nothing came/);
});

test("a backup that was played back is listed, and said to be one", async (context) => {
  const scene = await startWatch(context);
  const { server, scheduler, pass } = scene;
  await watching(scene);
  scheduler.advance(6_000);
  server.setBack(500);
  server.endWatches();
  await pass(() => scene.states.length === 2, "it is listed anew, since its version is too new for the server");
  assert.deepEqual(
    scene.states.map(({ isSetBack }) => isSetBack),
    [false, true],
  );
  await watching(scene);
  assert.equal(server.questions.at(-1)?.parameters.get("resourceVersion"), "500");
});

test("nothing is told after it is closed, whatever is under way", async (context) => {
  for (const step of ["list", "watch"] as const) {
    const scene = await startWatch(context, (server) => {
      server.refuse = ({ verb }) => (verb === step ? "stall" : null);
    });
    await scene.pass(() => scene.server.questions.some(({ verb }) => verb === step), "it has asked");
    const told = scene.states.length + scene.failures.length;
    scene.watch.close();
    scene.server.breakAll();
    await loopTurns(20);
    scene.scheduler.advance(200_000);
    assert.equal(scene.states.length + scene.failures.length, told);
  }
});
