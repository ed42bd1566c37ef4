import assert from "node:assert/strict";
import type { LookupFunction } from "node:net";
import { test, type TestContext } from "node:test";
import { eventually } from "../../../../test/support/signal.ts";
import { seededRandom } from "../../../base/random.ts";
import { ManualScheduler } from "../../../base/scheduler.ts";
import { silentLogger } from "../../../observe/logger.ts";
import type { Discovery } from "../discovery.ts";
import { kubernetesKind } from "./kind.ts";
import { kubernetesDiscoverySchema } from "./options.ts";
import { FakeKubernetes } from "./testing/fake-kubernetes.ts";
import { endpoints } from "./testing/slices.ts";

interface Follower {
  readonly discovery: Discovery;
  /** The addresses of each snapshot. */
  readonly told: string[];
  aliveCount: number;
  failures: number;
}

async function setUp(context: TestContext) {
  const server = await FakeKubernetes.start();
  const scheduler = new ManualScheduler();
  const random = seededRandom(1);
  const followers: Follower[] = [];
  context.after(async () => {
    for (const { discovery } of followers) discovery.close();
    await eventually(() => server.connectionCount === 0, "no connection is left");
    await server.stop();
    assert.equal(scheduler.pendingCount, 0);
  });
  const noLookup = (): LookupFunction => () => assert.fail("an address needs no look-up");
  const ownLookup = noLookup();
  const follow = async (
    service: string,
    more: Readonly<Record<string, unknown>> = {},
    lookup: LookupFunction = ownLookup,
  ): Promise<Follower> => {
    const options = kubernetesDiscoverySchema.parse({ service, namespace: "default", apiServer: server.url, ...more });
    const discovery = await kubernetesKind.create(options, {
      upstream: service,
      scheduler,
      random,
      lookup,
      logger: silentLogger,
    });
    const follower: Follower = { discovery, told: [], aliveCount: 0, failures: 0 };
    followers.push(follower);
    discovery.start({
      onSnapshot: (snapshot) => void follower.told.push(snapshot.endpoints.map(({ host }) => host).join(" ")),
      onAlive: () => void follower.aliveCount++,
      onFailure: () => void follower.failures++,
    });
    return follower;
  };
  const until = (isTrue: () => boolean, what: string): Promise<void> =>
    eventually(() => {
      if (isTrue()) return true;
      scheduler.advance(5);
      return false;
    }, what);
  return { server, follow, noLookup, until };
}

test("upstreams that begin together share one watch, and each hears of its own Service alone", async (context) => {
  const { server, follow, until } = await setUp(context);
  for (const name of ["a", "b", "c"])
    server.put({ name: `${name}-1`, service: name, endpoints: endpoints("10.0.0.1") });
  const [a, b] = await Promise.all([follow("a"), follow("b")]);
  await until(() => server.watchCount === 1 && a.told.length === 1 && b.told.length === 1, "both have a list");
  assert.equal(server.questions[0]?.parameters.get("labelSelector"), "kubernetes.io/service-name in (a,b)");
  const { aliveCount } = b;
  server.put({ name: "a-1", service: "a", endpoints: endpoints("10.0.0.1", "10.0.0.2") });
  await until(() => a.told.at(-1) === "10.0.0.1 10.0.0.2" && b.aliveCount > aliveCount, "it is told");
  assert.deepEqual(b.told, ["10.0.0.1"]);
  a.discovery.close();
  server.put({ name: "b-1", service: "b", endpoints: endpoints("10.0.0.1", "10.0.0.3") });
  await until(() => b.told.at(-1) === "10.0.0.1 10.0.0.3", "the one that stays is told");
  assert.equal(a.told.length, 2);
});

test("one that begins later disturbs nobody, and has what is known of its Service at once", async (context) => {
  const { server, follow, until } = await setUp(context);
  server.put({ name: "a-1", service: "a", endpoints: endpoints("10.0.0.1") });
  const first = await follow("a");
  await until(() => server.watchCount === 1 && first.told.length === 1, "it has a list");
  const again = await follow("a", { port: 8080 });
  await until(() => again.told.length === 1, "the same Service is known");
  assert.deepEqual([again.told, server.watchCount, server.questions.length], [["10.0.0.1"], 1, 2]);
  const other = await follow("b");
  await until(() => server.watchCount === 2 && other.told.length === 1, "another Service has a watch of its own");
  assert.equal(server.questions.length, 4);
  first.discovery.close();
  again.discovery.close();
  await until(() => server.watchCount === 1, "a watch that nobody needs is ended");
});

test("proxies of one program share nothing: what resolves names for one ends with it", async (context) => {
  const { server, follow, noLookup, until } = await setUp(context);
  server.put({ name: "a-1", service: "a", endpoints: endpoints("10.0.0.1") });
  const [one, other] = await Promise.all([follow("a"), follow("a", {}, noLookup())]);
  await until(() => server.watchCount === 2 && one.told.length + other.told.length === 2, "each has a watch");
});

test("a slice that cannot be read is told to those of its Service alone", async (context) => {
  const { server, follow, until } = await setUp(context);
  for (const name of ["a", "b"]) server.put({ name: `${name}-1`, service: name, endpoints: endpoints("10.0.0.1") });
  const [a, b] = await Promise.all([follow("a"), follow("b")]);
  await until(() => server.watchCount === 1 && a.told.length === 1 && b.told.length === 1, "both have a list");
  server.put({ name: "a-2", service: "a", addressType: "IPX" });
  await until(() => a.told.length === 2, "it is told");
  assert.equal(b.told.length, 1);
});

test("no more than 50 Services stand in one question, and what fails is told to all", async (context) => {
  const { server, follow, until } = await setUp(context);
  const all = await Promise.all(Array.from({ length: 60 }, (_, at) => follow(`app-${at}`)));
  await until(() => server.watchCount === 2, "there are two watches");
  server.breakAll();
  server.refuse = () => ({ status: 403 });
  await until(() => all.every(({ failures }) => failures > 0), "all have heard");
});
