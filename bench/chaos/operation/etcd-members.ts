/**
 * Two instances follow one cluster of etcd of three members. Endpoints come and go while members are killed, frozen, cut
 * off from everybody, and cut off from the others only.
 */
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { register, type Registration } from "../../../src/index.ts";
import { fetchOnce, freePort, untilAccepting } from "../../macro/loopback.ts";
import { sourceMillraceCommand } from "../../macro/peers/millrace.ts";
import { makeFolder, type RunningProcess, startProcess } from "../../macro/workspace.ts";
import { answerBody } from "../endpoint.ts";
import { EtcdCluster, type EtcdMember, whyNoCluster } from "./etcd-network.ts";
import { type LoadResult, noStart, type Scene, type SceneResult, underLoad } from "./scene.ts";

const prefix = "/services/app/";
const ratePerSecond = 100;
const steadyCount = 3;
const changesPerFault = 3;
/** A change is told so long after it was written at most, while a member fails; else much sooner. */
const faultyLimitMs = 10_000;
const wellLimitMs = 2_000;

/** What is done to a member, and undone. */
const faults: Readonly<Record<string, { begin(member: EtcdMember): unknown; end(member: EtcdMember): unknown }>> = {
  killed: { begin: (member) => member.kill(), end: (member) => member.start() },
  frozen: { begin: (member) => member.freeze(), end: (member) => member.thaw() },
  "cut off": {
    begin: (member) => {
      member.pull("clients");
      member.pull("peers");
    },
    end: (member) => {
      member.plug("clients");
      member.plug("peers");
    },
  },
  "cut off from the others": {
    begin: (member) => member.pull("peers"),
    end: (member) => member.plug("peers"),
  },
};

interface Instance {
  readonly port: number;
  readonly adminPort: number;
  readonly process: RunningProcess;
}

/** A service that registers itself, and counts who comes. */
class Service {
  readonly port: number;
  requests = 0;
  readonly #server: Server;
  readonly #registration: Registration;

  private constructor(port: number, urls: readonly string[]) {
    this.port = port;
    this.#registration = register({ etcd: { urls }, prefix, url: `http://127.0.0.1:${port}`, onProblem: () => {} });
    this.#server = createServer((_request, response) => {
      this.requests++;
      setTimeout(() => response.writeHead(200, { "content-length": answerBody.length }).end(answerBody), 10);
    });
  }

  /** It is registered, too. */
  static async start(urls: readonly string[]): Promise<Service> {
    const service = new Service(await freePort(), urls);
    service.#server.keepAliveTimeout = 120_000;
    await new Promise<void>((resolve) => void service.#server.listen(service.port, "127.0.0.1", resolve));
    await service.#registration.registered;
    return service;
  }

  /** Drains, and is gone from the cluster. */
  async leave(): Promise<void> {
    await this.#registration.unregister({ grace: "200ms" });
  }

  /** As a good service goes: what is under way ends. */
  stop(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }
}

async function play(): Promise<SceneResult> {
  const reason = whyNoCluster();
  if (reason !== null) return { ...noStart(new Error(reason)), isKept: true };
  const cluster = new EtcdCluster();
  const instances: Instance[] = [];
  const services: Service[] = [];
  // What a registration waits for does not keep the process alive.
  const keeper = setInterval(() => {}, 1_000);
  try {
    await cluster.start();
    for (let at = 0; at < steadyCount; at++) services.push(await Service.start(cluster.urls));
    for (let at = 0; at < 2; at++) instances.push(await startInstance(cluster.urls));
    await untilListed(instances, services[0]!, true);
    return await playFaults({ cluster, instances, services });
  } finally {
    clearInterval(keeper);
    await Promise.all(instances.map(({ process }) => process.stop()));
    await Promise.all(services.map((service) => service.leave()));
    for (const service of services) service.stop();
    await cluster.stop();
  }
}

interface Stage {
  readonly cluster: EtcdCluster;
  readonly instances: readonly Instance[];
  readonly services: Service[];
}

async function playFaults(stage: Stage): Promise<SceneResult> {
  const { cluster, instances, services } = stage;
  // Of this endpoint both instances know something that etcd does not: it must still be known in the end.
  const [drained] = services as [Service];
  for (const { adminPort } of instances)
    await fetchOnce(adminPort, {
      path: `/api/v1/upstreams/app/endpoints/127.0.0.1:${drained.port}/drain`,
      method: "POST",
    });
  await sleep(500);
  const drainedBefore = drained.requests;
  const delays: Record<string, number> = {};
  const change = async (name: string): Promise<void> => {
    for (let at = 0; at < changesPerFault; at++) delays[name] = Math.max(delays[name] ?? 0, await comeAndGo(stage));
  };
  const during = async (): Promise<void> => {
    await change("well");
    for (const [name, { begin, end }] of Object.entries(faults))
      for (const member of cluster.members) {
        await begin(member);
        await change(name);
        await end(member);
        await member.untilHealthy();
      }
    // Without a majority nothing changes, and nothing fails.
    const [first, second] = cluster.members as [EtcdMember, EtcdMember];
    await Promise.all([first.kill(), second.kill()]);
    await sleep(4_000);
    first.start();
    second.start();
    await Promise.all([first.untilHealthy(), second.untilHealthy()]);
    await sleep(4_000);
    await change("after an outage");
  };
  let isOver: Promise<void> | null = null;
  const results = await Promise.all(
    instances.map(({ port }) => underLoad(port, ratePerSecond, () => (isOver ??= during()))),
  );
  const isDrained = drained.requests === drainedBefore && (await areDraining(instances, drained));
  return judge(results, delays, isDrained);
}

/** An endpoint comes, serves and goes. @returns the longest time until both instances knew, in milliseconds */
async function comeAndGo({ cluster, instances, services }: Stage): Promise<number> {
  const service = await Service.start(cluster.urls);
  services.push(service);
  const cameMs = await untilListed(instances, service, true);
  await sleep(200);
  await service.leave();
  const wentMs = await untilListed(instances, service, false);
  service.stop();
  return Math.max(cameMs, wentMs);
}

async function untilListed(instances: readonly Instance[], { port }: Service, isThere: boolean): Promise<number> {
  const startMs = performance.now();
  for (const { adminPort } of instances) {
    while ((await statusOf(adminPort)).includes(`127.0.0.1:${port}"`) !== isThere) {
      if (performance.now() > startMs + 30_000) throw new Error(`an endpoint is not ${isThere ? "listed" : "gone"}`);
      await sleep(10);
    }
  }
  return performance.now() - startMs;
}

async function statusOf(adminPort: number): Promise<string> {
  return (await fetchOnce(adminPort, { path: "/api/v1/status" })).body.toString();
}

async function areDraining(instances: readonly Instance[], { port }: Service): Promise<boolean> {
  const states = await Promise.all(
    instances.map(async ({ adminPort }) => {
      const path = `/api/v1/upstreams/app/endpoints/127.0.0.1:${port}`;
      return (await fetchOnce(adminPort, { path })).body.toString();
    }),
  );
  return states.every((state) => /"isDraining": ?true|"state": ?"draining"/.test(state));
}

function judge(
  results: readonly LoadResult[],
  delays: Readonly<Record<string, number>>,
  isDrained: boolean,
): SceneResult {
  const errors: Record<string, number> = {};
  for (const result of results)
    for (const [kind, count] of Object.entries(result.errors)) errors[kind] = (errors[kind] ?? 0) + count;
  const told = Object.entries(delays)
    .map(([name, ms]) => `${name} ${Math.round(ms)} ms`)
    .join(", ");
  const isFast = Object.entries(delays).every(
    ([name, ms]) => ms < (name.startsWith("well") ? wellLimitMs : faultyLimitMs),
  );
  return {
    requests: results.reduce((sum, { requests }) => sum + requests, 0),
    errors,
    p99: Math.max(...results.map(({ p99 }) => p99 ?? 0)),
    seen: `the slowest change was known to both after: ${told}; the drained endpoint stayed so: ${isDrained ? "yes" : "no"}`,
    isKept: Object.keys(errors).length === 0 && isDrained && isFast,
  };
}

async function startInstance(urls: readonly string[]): Promise<Instance> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const folder = makeFolder("millrace");
  const file = join(folder, "millrace.json");
  const config = {
    workers: 2,
    listeners: [{ address: `127.0.0.1:${port}` }],
    routes: [{ upstream: "app" }],
    upstreams: { app: { discovery: { etcd: { urls, prefix }, lastGood: folder }, retry: { attempts: 2 } } },
    admin: { address: `127.0.0.1:${adminPort}` },
    log: { level: "info", access: false, stats: "0s" },
  };
  writeFileSync(file, JSON.stringify(config));
  const running = startProcess([...sourceMillraceCommand(), "run", "--no-watch", file]);
  for (const each of [port, adminPort]) await untilAccepting(each, 20_000, () => running.child.exitCode !== null);
  return { port, adminPort, process: running };
}

export const etcdMembersScene: Scene = {
  name: "etcd",
  title: "endpoints from etcd: members killed, frozen, cut off",
  players: ["millrace"],
  promise:
    "members of etcd that fail: endpoints come and go with 0 errors at two instances, and what is known of the others stays",
  play,
};
