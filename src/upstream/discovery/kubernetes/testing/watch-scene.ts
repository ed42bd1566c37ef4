/** A watch of slices on a double of the API server, in time that the test winds forward. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loopTurns } from "../../../../../test/support/signal.ts";
import { seededRandom } from "../../../../base/random.ts";
import { ManualScheduler } from "../../../../base/scheduler.ts";
import { createRemoteHttp } from "../../../../remote/http-client.ts";
import { ApiServer } from "../api-server.ts";
import { type SliceState, SliceWatch } from "../slice-watch.ts";
import { TokenFile } from "../token-file.ts";
import { FakeKubernetes } from "./fake-kubernetes.ts";
import { endpoints } from "./slices.ts";

/** What a test has at hand. */
export interface Scene {
  readonly server: FakeKubernetes;
  readonly scheduler: ManualScheduler;
  readonly watch: SliceWatch;
  readonly failures: string[];
  readonly states: SliceState[];
  readonly tokenPath: string;
  aliveCount: number;
  /** The names of the slices that were told last, with the addresses in them. */
  known(): string;
  /** Lets time pass until `isTrue`. @returns how many milliseconds it took */
  pass(isTrue: () => boolean, what: string): Promise<number>;
}

/** What the watch asks for. */
export const selector = "kubernetes.io/service-name=app";

/** Starts the watch on a Service with one slice, `app-1`, of one address. */
export async function startWatch(
  context: TestContext,
  prepare: (server: FakeKubernetes) => void = () => {},
): Promise<Scene> {
  const server = await FakeKubernetes.start();
  const folder = mkdtempSync(join(tmpdir(), "millrace-kubernetes-"));
  const tokenPath = join(folder, "token");
  writeFileSync(tokenPath, "secret-1\n");
  server.token = "secret-1";
  server.put({ name: "app-1", service: "app", endpoints: endpoints("10.0.0.1") });
  server.put({ name: "other-1", service: "other", endpoints: endpoints("10.0.0.9") });
  prepare(server);
  const scheduler = new ManualScheduler();
  const random = seededRandom(7);
  const http = createRemoteHttp({ tls: null, scheduler });
  const watch = new SliceWatch({
    server: new ApiServer({ http, url: server.url, token: new TokenFile(tokenPath, scheduler.clock) }),
    namespace: "default",
    labelSelector: selector,
    scheduler,
    random,
  });
  const scene: Scene = {
    server,
    scheduler,
    watch,
    failures: [],
    states: [],
    tokenPath,
    aliveCount: 0,
    known: () =>
      [...(scene.states.at(-1)?.slices.values() ?? [])]
        .map(({ name, endpoints: found }) => `${name}:${found.map(({ address }) => address).join("+")}`)
        .toSorted()
        .join(" "),
    pass: async (isTrue, what) => {
      const beganMs = scheduler.clock.now();
      const limitMs = performance.now() + 15_000;
      while (!isTrue()) {
        for (let turn = 0; turn < 20 && !isTrue(); turn++) await loopTurns(1);
        if (isTrue()) break;
        assert.ok(
          performance.now() < limitMs,
          `${what}; known: ${scene.known()}; failures: ${scene.failures.join("; ")}`,
        );
        scheduler.advance(50);
      }
      return scheduler.clock.now() - beganMs;
    },
  };
  context.after(async () => {
    watch.close();
    http.close();
    await server.stop();
    rmSync(folder, { recursive: true });
    assert.equal(scheduler.pendingCount, 0, "calls are left");
  });
  watch.start({
    onSlices: (state) => void scene.states.push({ ...state, slices: new Map(state.slices) }),
    onAlive: () => void scene.aliveCount++,
    onFailure: (reason) => void scene.failures.push(reason),
  });
  return scene;
}

/** Waits until the watch is open, at both sides. */
export async function watching(scene: Scene): Promise<void> {
  await scene.pass(() => scene.server.watchCount === 1, "the server is watched");
  const before = scene.aliveCount;
  scene.server.bookmark();
  await scene.pass(() => scene.aliveCount > before, "the watch has heard something");
}
/** How often it has listed. */
export const lists = (server: FakeKubernetes): number => server.questions.filter(({ verb }) => verb === "list").length;
/** How often it has watched. */
export const watches = (server: FakeKubernetes): number =>
  server.questions.filter(({ verb }) => verb === "watch").length;
