/** What tests of discovery by Docker have in common. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { ManualScheduler } from "../../../../base/scheduler.ts";
import { discoveryContext, Told } from "../../testing/told.ts";
import { DockerDiscovery } from "../docker-discovery.ts";
import { dockerDiscoverySchema } from "../options.ts";
import { FakeDocker } from "./fake-docker.ts";

/** Of a container of the upstream `api`. */
export const labels = { "millrace.upstream": "api" };
export const ports = ["8080/tcp"];
/** The networks of a container with one address. */
export const at = (address: string): Readonly<Record<string, string>> => ({ bridge: address });

/** An engine, and what follows it. */
export interface Scene {
  readonly docker: FakeDocker;
  readonly scheduler: ManualScheduler;
  /** Follows, and waits for the first list. */
  follow(options?: object, upstream?: string, hostName?: string): Promise<Told>;
}

/** An engine without containers, and time that stands still. */
export async function setUp(context: TestContext): Promise<Scene> {
  const docker = await FakeDocker.start();
  const scheduler = new ManualScheduler();
  const discoveries: DockerDiscovery[] = [];
  context.after(async () => {
    for (const discovery of discoveries) discovery.close();
    assert.equal(scheduler.pendingCount, 0);
    await docker.close();
  });
  return {
    docker,
    scheduler,
    follow: async (options = {}, upstream = "api", hostName = "a-machine") => {
      const discovery = new DockerDiscovery(
        dockerDiscoverySchema.parse({ host: docker.socketPath, ...options }),
        discoveryContext({ scheduler, upstream, random: () => 0.999 }),
        hostName,
      );
      discoveries.push(discovery);
      const told = new Told();
      discovery.start(told);
      await told.next(/^/);
      return told;
    },
  };
}

/** What was told last: addresses with weights, and why others are left out. */
export const last = (told: Told): unknown => {
  const snapshot = told.snapshots.at(-1);
  return snapshot?.endpoints.map(({ url, weight }) => `${url.slice("http://".length)}*${weight}`).toSorted();
};

/** A bit more than the longest time between two lists, and a bit less than that and an answer. */
export const listMs = 66_000;

/** Time goes on in steps in which an answer can come, until `isSo`. */
export async function passTime(scheduler: ManualScheduler, isSo: () => boolean): Promise<void> {
  for (let step = 0; !isSo(); step++) {
    assert.ok(step < 2_000, "it does not come");
    scheduler.advance(1_000);
    for (let turn = 0; turn < 50 && !isSo(); turn++) await new Promise(setImmediate);
  }
}
