/**
 * A cache under everything at once: two threads that are killed in turn, reloads, purges of all kinds, an origin that
 * flaps, clients that leave, more objects than there is room for. Every body says which object it is, of which version,
 * and whether it is whole.
 */
import { type ChildProcess, fork } from "node:child_process";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../outcome.ts";
import { createRandom } from "../random.ts";
import { groupCount, MixOrigin, objectCount, pathOf, readObject } from "./cache-mix-origin.ts";
import type { ProxyTask, TaskDone } from "./cache-mix-proxy.ts";
import { noStart, type Scene, type SceneResult } from "./scene.ts";

const durationMs = Number(process.env["CACHE_SCENE_SECONDS"] ?? 60) * 1_000;
const clients = 24;
const thinkMs = 8;
/** Whatever is not answered in this time never will be. */
const patienceMs = 60_000;
const maxGrowthBytes = 64 * 1_048_576;
/** Answers that the origin or a killed thread has cut off: more than this would be more than was done to them. */
const maxDamage = 0.15;

type Task = ProxyTask extends infer Each ? (Each extends unknown ? Omit<Each, "id"> : never) : never;

/** The proxy's process. */
class MixProxy {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (done: TaskDone) => void>();
  #lastId = 0;

  constructor(endpoint: string) {
    this.#child = fork(new URL("cache-mix-proxy.ts", import.meta.url), [endpoint]);
  }

  async start(): Promise<number> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#child.once("message", (message) => resolve(Number(message)));
      this.#child.once("exit", () => reject(new Error("the proxy has ended")));
    });
    this.#child.on("message", (done: TaskDone) => {
      this.#waiting.get(done.id)?.(done);
      this.#waiting.delete(done.id);
    });
    return port;
  }

  async ask(task: Task): Promise<number | null> {
    const id = ++this.#lastId;
    const answered = new Promise<TaskDone>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ id, ...task });
    const silent = sleep(patienceMs, null, { ref: false });
    const done = await Promise.race([answered, silent]);
    if (done === null) throw new Error(`no answer to ${task.kind}`);
    const { value, error } = done;
    if (error !== null) throw new Error(error);
    return value;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** What was seen of all answers. */
class Findings {
  readonly errors: Record<string, number> = {};
  readonly durations: number[] = [];
  requests = 0;
  hits = 0;
  torn = 0;
  wrong = 0;
  outdated = 0;
  purges = 0;
  disturbances = 0;
  kills = 0;
  reloads = 0;

  note(error: string): void {
    this.errors[error] = (this.errors[error] ?? 0) + 1;
  }
}

async function play(): Promise<SceneResult> {
  const random = createRandom(1);
  const origin = new MixOrigin(random);
  const proxy = new MixProxy(await origin.listen());
  try {
    return await playWith(origin, proxy, random);
  } catch (error) {
    return noStart(error);
  } finally {
    proxy.stop();
    origin.close();
  }
}

async function playWith(origin: MixOrigin, proxy: MixProxy, random: () => number): Promise<SceneResult> {
  const port = await proxy.start();
  const found = new Findings();
  /** The oldest version of each object that may be served. */
  const oldest = new Uint32Array(objectCount);
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const endMs = performance.now() + durationMs;
  const isOver = (): boolean => performance.now() >= endMs;
  /** Does something again and again, each time after a pause, until the scene is over. */
  const every = async (ms: number, run: () => Promise<unknown> | void): Promise<void> => {
    for (await sleep(ms); !isOver(); await sleep(ms)) await run();
  };
  const work = [
    ...Array.from({ length: clients }, () => every(thinkMs, () => askOne(port, { agent, found, oldest, random }))),
    every(200, () => purgeSome(origin, proxy, { found, oldest, random })),
    every(10_000, async () => {
      origin.isFailing = true;
      await sleep(3_000);
      origin.isFailing = false;
    }),
    every(4_000, () => disturb(proxy, found)),
  ];
  const memoryHalfway = sleep(durationMs / 2).then(() => proxy.ask({ kind: "memory" }));
  const [halfway] = await Promise.all([memoryHalfway.then((bytes) => bytes ?? 0), ...work]);
  const growth = ((await proxy.ask({ kind: "memory" })) ?? 0) - halfway;
  agent.destroy();
  return judge(found, { growth, halfway });
}

/** Kills a thread, reloads, or both at once; goes on when all threads are there again. */
async function disturb(proxy: MixProxy, found: Findings): Promise<void> {
  const what = (["kill", "reload", "kill-in-reload"] as const)[found.disturbances++ % 3]!;
  if (what !== "reload") found.kills++;
  if (what !== "kill") found.reloads++;
  await proxy.ask({ kind: what, thread: found.kills % 2, round: found.reloads });
}

function judge(found: Findings, { growth, halfway }: { growth: number; halfway: number }): SceneResult {
  const { requests, errors, torn, wrong, outdated } = found;
  const inMebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(0);
  const broken = errors["broken"] ?? 0;
  return {
    requests,
    errors,
    p99: percentile(found.durations, 0.99),
    seen: `${found.purges} purges, ${found.kills} threads killed, ${found.reloads} reloads; ${Math.round((100 * found.hits) / requests)} % hits; ${torn} torn, ${wrong} for another key, ${outdated} older than a purge; memory ${inMebibytes(halfway)} MiB, then ${growth < 0 ? "" : "+"}${inMebibytes(growth)} MiB`,
    isKept:
      torn + wrong + outdated === 0 &&
      growth < maxGrowthBytes &&
      found.hits > requests / 4 &&
      broken < requests * maxDamage &&
      Object.keys(errors).every((kind) => ["broken", "502", "503"].includes(kind)),
  };
}

interface Mix {
  readonly found: Findings;
  readonly oldest: Uint32Array;
  readonly random: () => number;
}

/** One request for an object; small numbers are asked for more often. */
function askOne(port: number, { agent, found, oldest, random }: Mix & { readonly agent: Agent }): Promise<void> {
  const object = Math.floor(objectCount * random() ** 3);
  const side = random() < 0.5 ? "l" : "r";
  const leaves = random() < 0.02;
  const minVersion = oldest[object]!;
  const startMs = performance.now();
  found.requests++;
  return new Promise((resolve) => {
    const request = get({ port, agent, path: pathOf(object), headers: { host: "mix", "x-side": side } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (leaves) request.destroy();
      });
      response.on("error", () => {});
      response.on("close", () => {
        resolve();
        if (leaves) return;
        if (!response.complete) return found.note("broken");
        if (response.statusCode !== 200) return found.note(String(response.statusCode));
        found.durations.push(performance.now() - startMs);
        if (/^millrace; hit/.test(String(response.headers["cache-status"]))) found.hits++;
        const seen = readObject(Buffer.concat(chunks));
        if (seen === null) found.torn++;
        else if (seen.path !== pathOf(object) || (seen.side !== "-" && seen.side !== side)) found.wrong++;
        else if (seen.version < minVersion) found.outdated++;
      });
    });
    request.setTimeout(patienceMs, () => {
      found.note("hung");
      request.destroy();
    });
    request.on("error", () => {
      if (!leaves) found.note("broken");
      resolve();
    });
  });
}

/** Objects change at the origin, then they are purged, and from the answer on nobody may get what was before. */
async function purgeSome(origin: MixOrigin, proxy: MixProxy, mix: Mix): Promise<void> {
  const { found, oldest, random } = mix;
  const object = Math.floor(objectCount * random() ** 3);
  const group = object % groupCount;
  const kind = random();
  const isConcerned = (each: number): boolean =>
    kind < 0.5 ? each === object : kind > 0.98 || each % groupCount === group;
  const soft = random() < 0.25;
  const site = "http://mix";
  const changed: [number, number][] = [];
  for (let each = 0; each < objectCount; each++) if (isConcerned(each)) changed.push([each, ++origin.versions[each]!]);
  if (kind < 0.5) await proxy.ask({ kind: "purge", request: { url: `${site}${pathOf(object)}`, soft } });
  else if (kind > 0.98) await proxy.ask({ kind: "purge", request: { all: true, soft } });
  else if (kind > 0.75) await proxy.ask({ kind: "purge", request: { prefix: `${site}/g${group}/`, soft } });
  else await proxy.ask({ kind: "purge", request: { tag: `g${group}`, soft } });
  found.purges++;
  for (const [each, version] of changed) oldest[each] = Math.max(oldest[each]!, version);
}

export const cacheMixScene: Scene = {
  name: "cache",
  title: "a cache: purges, reloads, killed threads and a flapping origin at once",
  players: ["millrace"],
  promise:
    "a cache under mixed load: no torn body, none for another key, none older than its purge, and memory that stays",
  play,
};
