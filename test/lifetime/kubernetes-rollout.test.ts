/**
 * A Deployment is rolled out twice while clients send requests that must not be tried again: pods come, are told to end,
 * serve on for a moment and are gone, as EndpointSlices tell it. No request is lost, in any mode.
 */
import assert from "node:assert/strict";
import { FakeKubernetes } from "../../src/upstream/discovery/kubernetes/testing/fake-kubernetes.ts";
import { endpoint as podOf } from "../../src/upstream/discovery/kubernetes/testing/slices.ts";
import { type Endpoint, echo } from "../support/endpoint.ts";
import { testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

interface Pod {
  readonly endpoint: Endpoint;
  isGoing: boolean;
}

for (const [title, workers] of modes)
  testWithHarness(`pods are replaced under load, and no request is lost, ${title}`, async (harness) => {
    const server = await FakeKubernetes.start();
    const pods = new Set<Pod>();
    /** Writes the slices: one for each port, since the pods of this test share an address. */
    const tell = (pod: Pod): void => {
      const { port } = new URL(pod.endpoint.url);
      const name = `app-${port}`;
      const conditions = { ready: !pod.isGoing, serving: true, terminating: pod.isGoing };
      const ports = [{ name: "http", port: Number(port), protocol: "TCP" }];
      if (!pods.has(pod)) server.remove(name);
      else
        server.put({
          name,
          service: "app",
          ports,
          endpoints: [podOf({ address: "127.0.0.1", uid: name, ...conditions })],
        });
    };
    const startPod = async (): Promise<void> => {
      const pod = { endpoint: await harness.endpoint(echo(`pod-${pods.size}`)), isGoing: false };
      pods.add(pod);
      tell(pod);
    };
    await startPod();
    await startPod();
    const proxy = await harness.proxy({
      threads: workers,
      config: {
        listeners: [{ address: "127.0.0.1:0" }],
        routes: [{ upstream: "app" }],
        upstreams: {
          app: {
            discovery: { kubernetes: { service: "app", namespace: "default", apiServer: server.url }, lastGood: false },
          },
        },
      },
    });
    const up = async (): Promise<string[]> =>
      (await proxy.metrics()).endpoints("millrace_endpoint_up", "app").toSorted();
    const listed = (): string[] => [...pods].map(({ endpoint }) => endpoint.url).toSorted();
    const untilListed = (): Promise<void> =>
      eventually(async () => JSON.stringify(await up()) === JSON.stringify(listed()), "the pods are listed");
    await untilListed();
    const load = harness.load({ clients: 6 });
    for (let round = 0; round < 2; round++) {
      for (const pod of [...pods]) {
        await load.untilMore(30);
        await startPod();
        await untilListed();
        pod.isGoing = true;
        tell(pod);
        await eventually(
          async () => (await proxy.metrics()).sum("millrace_endpoint_weight", { endpoint: pod.endpoint.url }) === 0,
          "the pod gets nothing new",
        );
        await load.untilMore(30);
        pods.delete(pod);
        tell(pod);
        await untilListed();
      }
      // The API server is restarted, and has forgotten its history.
      server.compact();
      server.breakAll();
    }
    await load.untilMore(30);
    await load.stop();
    assert.deepEqual(load.failures, []);
    await harness.end();
    await eventually(() => server.connectionCount === 0, "no connection to the API server is left");
    await server.stop();
  });
