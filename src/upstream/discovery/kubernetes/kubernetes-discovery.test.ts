import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { eventually } from "../../../../test/support/signal.ts";
import { authority, rootFile, writeTlsFile } from "../../../../test/support/tls-files.ts";
import { seededRandom } from "../../../base/random.ts";
import { ManualScheduler } from "../../../base/scheduler.ts";
import { silentLogger } from "../../../observe/logger.ts";
import type { DiscoverySnapshot } from "../discovery.ts";
import { kubernetesKind } from "./kind.ts";
import { kubernetesDiscoverySchema } from "./options.ts";
import { FakeKubernetes } from "./testing/fake-kubernetes.ts";
import { endpoint, endpoints } from "./testing/slices.ts";

interface Followed {
  readonly server: FakeKubernetes;
  readonly scheduler: ManualScheduler;
  readonly snapshots: DiscoverySnapshot[];
  readonly failures: string[];
  /** The addresses that were told last. */
  told(): string;
  /** The list is told, and its watch is open at both sides. */
  watching(): Promise<void>;
}

async function follow(context: TestContext, options: Readonly<Record<string, unknown>> = {}): Promise<Followed> {
  const server = await FakeKubernetes.start(await authority.issue({ names: ["kubernetes.test"], ips: ["127.0.0.1"] }));
  server.token = "token-of-a-pod";
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1", "10.0.0.2") });
  const scheduler = new ManualScheduler();
  const discovery = await kubernetesKind.create(
    kubernetesDiscoverySchema.parse({
      service: "app",
      namespace: "default",
      apiServer: server.url,
      tokenFile: writeTlsFile(server.token),
      tls: { ca: rootFile },
      ...options,
    }),
    {
      upstream: "app",
      scheduler,
      random: seededRandom(1),
      lookup: () => assert.fail("an address needs no look-up"),
      logger: silentLogger,
    },
  );
  const snapshots: DiscoverySnapshot[] = [];
  const failures: string[] = [];
  context.after(async () => {
    discovery.close();
    discovery.close();
    await eventually(() => server.connectionCount === 0, "no connection is left");
    await server.stop();
    assert.equal(scheduler.pendingCount, 0);
  });
  discovery.start({
    onSnapshot: (snapshot) => void snapshots.push(snapshot),
    onAlive: () => {},
    onFailure: (reason) => void failures.push(reason),
  });
  await eventually(() => {
    scheduler.advance(20);
    return server.questions.length > 0 || failures.length > 0;
  }, "it has asked");
  const told = (): string =>
    (snapshots.at(-1)?.endpoints ?? [])
      .map(({ host, weight }) => `${host?.replace("10.0.0.", "")}${weight === 0 ? "=0" : ""}`)
      .join(" ");
  const watching = (): Promise<void> =>
    eventually(() => told() === "1 2" && server.watchCount === 1 && scheduler.pendingCount === 1, "it is watched");
  return { server, scheduler, snapshots, failures, told, watching };
}

test("pods are followed over TLS with a token, as they come, go away and are gone", async (context) => {
  const { server, scheduler, snapshots, failures, told, watching } = await follow(context);
  await watching();
  assert.equal(snapshots[0]?.isCertain, true);
  assert.equal(snapshots[0]?.version, String(server.version));
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1", "10.0.0.2", "10.0.0.3") });
  await eventually(() => told() === "1 2 3", "a pod has come");
  const going = endpoint({ address: "10.0.0.2", ready: false, serving: true, terminating: true });
  server.put({ name: "app-1", service: "app", endpoints: [...endpoints("10.0.0.1", "10.0.0.3"), going] });
  await eventually(() => told() === "1 2=0 3", "a pod is going");
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1", "10.0.0.3") });
  await eventually(() => scheduler.pendingCount > 1, "it waits for whether the pod is in another slice");
  scheduler.advance(250);
  assert.equal(told(), "1 3");
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1") });
  server.put({ name: "app-1", service: "app", endpoints: [] });
  await eventually(() => {
    scheduler.advance(10);
    return told() === "";
  }, "all pods are gone");
  assert.equal(snapshots.at(-1)?.isCertain, true, "a slice that is empty says so");
  assert.deepEqual(failures, []);
});

test("a pod that moves to another slice does not blink", async (context) => {
  const { server, scheduler, snapshots, told, watching } = await follow(context);
  await watching();
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1") });
  await eventually(() => scheduler.pendingCount > 1, "it waits");
  scheduler.advance(200);
  server.put({ name: "app-2", service: "app", endpoints: endpoints("10.0.0.2", "10.0.0.3") });
  await eventually(() => told() === "1 2 3", "the pod is in its new slice");
  scheduler.advance(1_000);
  assert.equal(told(), "1 2 3");
  assert.ok(snapshots.every(({ endpoints: found }) => found.some(({ host }) => host === "10.0.0.2")));
});

test("a pod that is not ready any more gets nothing new at once", async (context) => {
  const { server, told, watching } = await follow(context);
  await watching();
  server.put({
    name: "app-1",
    service: "app",
    endpoints: [...endpoints("10.0.0.1"), endpoint({ address: "10.0.0.2", ready: false })],
  });
  await eventually(() => told() === "1", "the pod is left out, without any time passing");
});

test("a Service that is gone altogether is doubted, one without pods is not", async (context) => {
  const { server, scheduler, snapshots, told, watching } = await follow(context);
  await watching();
  server.remove("app-1");
  await eventually(() => scheduler.pendingCount > 1, "it waits");
  scheduler.advance(250);
  assert.equal(told(), "");
  assert.equal(snapshots.at(-1)?.isCertain, false);
  server.put({ name: "app-1", service: "app", endpoints: null });
  await eventually(() => snapshots.at(-1)?.isCertain === true, "it is certain");
});

test("endpoints that a changed port takes away are doubted, and the reason is said", async (context) => {
  const { server, scheduler, snapshots, watching } = await follow(context, { port: "http" });
  await watching();
  const ports = [{ name: "web", port: 8080, protocol: "TCP" }];
  server.put({ name: "app-1", service: "app", ports, endpoints: endpoints("10.0.0.1", "10.0.0.2") });
  await eventually(() => scheduler.pendingCount > 1, "it waits");
  scheduler.advance(250);
  const last = snapshots.at(-1);
  assert.deepEqual([last?.endpoints.length, last?.isCertain], [0, false]);
  assert.match(last!.refused.join(), /no TCP port http/);
});

test("what is refused is bounded", async (context) => {
  const { server, snapshots, watching } = await follow(context);
  await watching();
  for (let at = 0; at < 30; at++) server.put({ name: `bad-${at}`, service: "app", endpoints: [{ addresses: [] }] });
  await eventually(() => snapshots.at(-1)?.version === String(server.version), "it is told");
  assert.equal(snapshots.at(-1)?.refused.length, 20);
});

test("a server that another authority vouches for is not believed", async (context) => {
  const { server, failures } = await follow(context, { tls: {} });
  await eventually(() => failures.length > 0, "it has failed");
  assert.match(failures[0]!, /certificate/);
  assert.equal(server.questions.length, 0);
  assert.doesNotMatch(failures.join(), /token-of-a-pod/);
});

test("outside of a cluster it says so, and looks again", async (context) => {
  const { scheduler, failures } = await follow(context, { apiServer: undefined, namespace: undefined });
  await eventually(() => failures.length > 0, "it has failed");
  assert.match(failures[0]!, /KUBERNETES_SERVICE_HOST/);
  scheduler.advance(1_000);
  await eventually(() => failures.length > 1, "it has looked again");
});

test("what is followed is described without secrets", () => {
  const describe = (written: Readonly<Record<string, unknown>>): string =>
    kubernetesKind.describe(kubernetesDiscoverySchema.parse({ service: "app", ...written }));
  assert.equal(describe({}), "kubernetes (own cluster) (own namespace)/app");
  assert.equal(describe({ apiServer: "https://k:6443", namespace: "prod" }), "kubernetes https://k:6443 prod/app");
});
