/**
 * A deployment on Docker, from end to end: containers come and are stopped one after the other while clients keep the
 * proxy busy, a part of them with requests that nobody may try twice. No request is lost.
 */
import assert from "node:assert/strict";
import { FakeDocker } from "../../src/upstream/discovery/docker/testing/fake-docker.ts";
import { echo } from "../support/endpoint.ts";
import { testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

for (const [title, threads] of modes)
  testWithHarness(`containers are replaced one by one without a lost request, ${title}`, async (harness, context) => {
    const docker = await FakeDocker.start();
    context.after(() => docker.close());
    const run = async (name: string) => {
      const endpoint = await harness.endpoint(echo(name));
      docker.run({
        name,
        labels: { "millrace.upstream": "app", "millrace.port": String(endpoint.port) },
        health: "starting",
      });
      docker.setHealth(name, "healthy");
      return endpoint;
    };
    let containers = [await run("old-1"), await run("old-2")];
    const proxy = await harness.proxy({
      threads,
      config: {
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [{ upstream: "app" }],
        upstreams: { app: { discovery: { docker: { host: docker.socketPath }, lastGood: false } } },
      },
    });
    const load = harness.load({ clients: 8 });
    await load.untilMore(100);
    for (const [old, name] of [
      ["old-1", "new-1"],
      ["old-2", "new-2"],
    ] as const) {
      const [first, ...others] = containers;
      const made = await run(name);
      await eventually(
        async () => (await proxy.metrics()).endpoints("millrace_endpoint_up", "app").includes(made.url),
        () => `${name} is listed`,
      );
      docker.signal(old, "15");
      const ofOld = { upstream: "app", endpoint: first!.url };
      await eventually(
        async () => {
          const metrics = await proxy.metrics();
          return (
            metrics.sum("millrace_endpoint_weight", ofOld) === 0 &&
            metrics.sum("millrace_endpoint_in_flight", ofOld) === 0
          );
        },
        () => `${old} has nothing more to do`,
      );
      const before = first!.requests.length;
      await load.untilMore(100);
      assert.equal(first!.requests.length, before, "nothing new was sent there");
      docker.die(old);
      await first!.close();
      await load.untilMore(100);
      containers = [...others, made];
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.deepEqual(Object.keys(load.byStatus), ["200"]);
    assert.ok((load.byEndpoint["new-1"] ?? 0) > 0 && (load.byEndpoint["new-2"] ?? 0) > 0);
  });
