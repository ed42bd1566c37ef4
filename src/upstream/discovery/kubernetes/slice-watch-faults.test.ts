import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { loopTurns } from "../../../../test/support/signal.ts";
import type { FakeKubernetes } from "./testing/fake-kubernetes.ts";
import { endpoints } from "./testing/slices.ts";
import { lists, startWatch, watches, watching } from "./testing/watch-scene.ts";

test("a server that calls every version too new is not asked in a loop", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.refuse = ({ verb }) => (verb === "watch" ? { status: 504 } : null);
  });
  await scene.pass(() => scene.scheduler.clock.now() > 60_000, "a minute has passed");
  assert.ok(watches(scene.server) < 30, String(watches(scene.server)));
  assert.ok(watches(scene.server) > 5, String(watches(scene.server)));
});

test("servers that close, answer nonsense or fail at once are not asked in a loop, and what is known stays", async (context) => {
  const ways: ((server: FakeKubernetes) => void)[] = [
    (server) => server.endWatches(),
    (server) => server.breakAll(),
    (server) => server.write("nonsense\n"),
    (server) => server.write('{"type":"ADDED","object":{"kind":"Pod","metadata":{"resourceVersion":"1"}}}'),
    (server) => server.write('{"type":"ADDED"}'),
    (server) => server.write("[1]"),
    (server) => server.sendError(500),
    (server) => server.sendError(410),
  ];
  const scene = await startWatch(context);
  const { server, scheduler, known, pass } = scene;
  for (const way of ways) {
    await watching(scene);
    const before = server.questions.length;
    const endMs = scheduler.clock.now() + 20_000;
    await pass(() => {
      if (server.watchCount > 0) way(server);
      return scheduler.clock.now() > endMs;
    }, "time has passed");
    assert.ok(server.questions.length - before < 40, `${String(way)}: ${server.questions.length - before}`);
    assert.equal(known(), "app-1:10.0.0.1");
  }
  await watching(scene);
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "app-1:10.0.0.2", "it has recovered");
});

test("whatever goes wrong with an event is a failure, and the whole is listed again", async (context) => {
  const scene = await startWatch(context);
  const { server, known, pass, failures } = scene;
  await watching(scene);
  scene.states.push = () => {
    throw new Error("out of order");
  };
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => failures.length > 0, "it is said");
  assert.equal(failures[0], "out of order");
  Reflect.deleteProperty(scene.states, "push");
  await pass(() => known() === "app-1:10.0.0.2", "it is told again");
});

test("a slice that cannot be read leaves what is known of it, and the others are followed", async (context) => {
  const scene = await startWatch(context);
  const { server, known, pass } = scene;
  await watching(scene);
  server.put({ name: "app-1", service: "app", addressType: "IPX", endpoints: endpoints("10.0.0.7") });
  server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "app-1:10.0.0.1 app-2:10.0.0.2", "the other is taken");
  assert.match(
    scene.states
      .at(-1)!
      .unreadable.map(({ why }) => why)
      .join(),
    /app-1/,
  );
  server.sendError(410);
  await pass(() => lists(server) === 2 && server.watchCount === 1, "it is listed anew");
  assert.equal(known(), "app-1:10.0.0.1 app-2:10.0.0.2");
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.3") });
  await pass(() => known() === "app-1:10.0.0.3 app-2:10.0.0.2", "it can be read again");
  assert.deepEqual(scene.states.at(-1)!.unreadable, []);
});

test("an event that is older than what is known of its slice is left", async (context) => {
  const scene = await startWatch(context);
  const { server, known, pass } = scene;
  await watching(scene);
  const object = {
    kind: "EndpointSlice",
    metadata: { name: "app-1", uid: "uid-of-app-1", resourceVersion: "3", labels: {} },
    addressType: "IPv4",
  };
  server.write(JSON.stringify({ type: "MODIFIED", object }) + JSON.stringify({ type: "DELETED", object }));
  server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2") });
  await pass(() => known() === "app-1:10.0.0.1 app-2:10.0.0.2", "the next event is taken");
});

test("a token that was renewed is read when the server refuses the old one", async (context) => {
  const scene = await startWatch(context);
  const { server, scheduler, tokenPath, pass } = scene;
  await watching(scene);
  writeFileSync(tokenPath, "secret-2");
  server.token = "secret-2";
  scheduler.advance(6_000);
  server.endWatches();
  const tookMs = await pass(() => watches(server) === 3 && server.watchCount === 1, "it watches again");
  assert.ok(tookMs < 3_000, String(tookMs));
  assert.deepEqual(scene.failures, ["the API server does not accept the token (401)"]);
  assert.equal(lists(server), 1);
});

test("the token is read again every minute", async (context) => {
  const scene = await startWatch(context);
  const { server, scheduler, tokenPath, pass } = scene;
  await watching(scene);
  writeFileSync(tokenPath, "secret-2");
  server.token = "secret-2";
  scheduler.advance(30_000);
  server.bookmark();
  await loopTurns(20);
  scheduler.advance(31_000);
  server.endWatches();
  await pass(() => watches(server) === 2 && server.watchCount === 1, "it watches again");
  assert.deepEqual(scene.failures, []);
});

test("what RBAC does not allow is said with the verb and the namespace, and tried again", async (context) => {
  const scene = await startWatch(context, (server) => server.verbs.delete("watch"));
  const { server, known, pass } = scene;
  await pass(() => scene.failures.length > 1, "it has failed twice");
  assert.match(scene.failures[0]!, /may not watch endpointslices\.discovery\.k8s\.io in the namespace default \(403\)/);
  assert.equal(known(), "app-1:10.0.0.1", "what could be listed holds");
  server.verbs.add("watch");
  await watching(scene);
});

test("a server that has too much to do is left alone for as long as it says", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.refuse = () => {
      server.refuse = () => null;
      return { status: 429, retryAfter: "20" };
    };
  });
  const tookMs = await scene.pass(() => scene.states.length === 1, "it is listed");
  assert.ok(tookMs >= 20_000 && tookMs < 23_000, String(tookMs));
  await watching(scene);
  scene.server.sendError(429, 30);
  const againMs = await scene.pass(() => lists(scene.server) === 3, "it is listed anew");
  assert.ok(againMs >= 30_000 && againMs < 33_000, String(againMs));
});

test("a server that is down is found again, and failures hold no token", async (context) => {
  const scene = await startWatch(context);
  const { server, known, pass } = scene;
  await watching(scene);
  await server.stop();
  await pass(() => scene.failures.length > 5, "it has failed several times");
  assert.equal(known(), "app-1:10.0.0.1");
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.2") });
  await server.listen();
  const tookMs = await pass(() => known() === "app-1:10.0.0.2", "it has recovered");
  assert.ok(tookMs < 11_000, String(tookMs));
  assert.doesNotMatch(scene.failures.join(), /secret/);
});

test("answers to a list that are none leave what is known", async (context) => {
  const bodies = [
    "",
    "nonsense",
    "[]",
    "{}",
    '{"kind":"EndpointSliceList","items":[]}',
    '{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}',
    '{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":{}}',
    '{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1","continue":7},"items":[]}',
  ];
  const scene = await startWatch(context);
  const { server, known, pass } = scene;
  for (const body of bodies) {
    await watching(scene);
    const before = scene.failures.length;
    server.refuse = ({ verb }) => (verb === "list" ? { status: 200, body } : null);
    server.sendError(410);
    await pass(() => scene.failures.length > before, "it has failed");
    assert.equal(known(), "app-1:10.0.0.1", body);
    server.refuse = () => null;
  }
});

test("pages without end are not read", async (context) => {
  let page = 0;
  const scene = await startWatch(context, (server) => {
    server.refuse = ({ verb }) =>
      verb === "list"
        ? {
            status: 200,
            body: JSON.stringify({
              kind: "EndpointSliceList",
              metadata: { resourceVersion: "1", continue: String(page++) },
              items: [],
            }),
          }
        : null;
  });
  await scene.pass(() => scene.failures.length > 0, "it has given up");
  assert.match(scene.failures[0]!, /more than 2000 slices/);
  assert.ok(page <= 102, String(page));
});

test("a server that takes a watch and never answers is noticed soon", async (context) => {
  const scene = await startWatch(context, (server) => {
    server.refuse = ({ verb }) => (verb === "watch" ? "stall" : null);
  });
  const tookMs = await scene.pass(() => scene.failures.length > 0, "it is noticed");
  assert.ok(tookMs >= 10_000 && tookMs < 11_000, String(tookMs));
  assert.deepEqual(scene.failures, ["the API server does not answer to a watch"]);
  scene.server.refuse = () => null;
  await watching(scene);
});
