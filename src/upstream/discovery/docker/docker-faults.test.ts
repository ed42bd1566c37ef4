import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ManualScheduler } from "../../../base/scheduler.ts";
import { FaultyLink } from "../testing/faulty-link.ts";
import { discoveryContext, Told } from "../testing/told.ts";
import { DockerDiscovery } from "./docker-discovery.ts";
import { dockerDiscoverySchema } from "./options.ts";
import { at, labels, passTime, ports } from "./testing/docker-scene.ts";
import { FakeDocker } from "./testing/fake-docker.ts";

/** Answers are some hundred bytes, heads included; every few bytes one ends. */
const mostBytes = 1_500;
const stepBytes = 11;

for (const fault of ["close", "garbage", "silence"] as const)
  test(`connections to an engine that end in ${fault} after any number of bytes change nothing`, async (context) => {
    const docker = await FakeDocker.start();
    docker.run({ name: "a", ports, labels, networks: at("10.0.0.1") });
    docker.run({ name: "b", ports, labels, networks: at("10.0.0.2") });
    const path = join(dirname(docker.socketPath), "link.sock");
    const link = await FaultyLink.open({ path: docker.socketPath }, path);
    const scheduler = new ManualScheduler();
    const discovery = new DockerDiscovery(
      dockerDiscoverySchema.parse({ host: path }),
      discoveryContext({ scheduler, random: () => 0 }),
    );
    context.after(async () => {
      discovery.close();
      assert.equal(scheduler.pendingCount, 0);
      await link.close();
      await docker.close();
    });
    const told = new Told();
    const first = told.next(/^/);
    discovery.start(told);
    const list = (await first).slice(1);
    assert.deepEqual(list.split(",").toSorted(), ["10.0.0.1", "10.0.0.2"]);
    for (let bytes = 0; bytes < mostBytes; bytes += stepBytes) {
      link.limit = bytes;
      link.fault = fault;
      link.drop();
      const before = told.words.length;
      await passTime(scheduler, () => told.words.length >= before + 2);
    }
    link.limit = Infinity;
    link.drop();
    assert.deepEqual(
      told.snapshots.map(({ endpoints }) => endpoints.length),
      [2],
      "trouble is no news",
    );
    docker.run({ name: "c", ports, labels, networks: at("10.0.0.3") });
    await passTime(scheduler, () => told.snapshots.length === 2);
    assert.equal(told.snapshots[1]?.endpoints.length, 3);
  });
