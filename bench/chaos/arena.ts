/** Endpoints, proxies and loads together: plays one fault after the other, all proxies at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../macro/loopback.ts";
import { EndpointProcess } from "./endpoint-process.ts";
import { type Outcome, type Timeline, toOutcome } from "./outcome.ts";
import type { ChaosProxy, RunningProxy } from "./proxies/chaos-proxy.ts";
import { createRandom } from "./random.ts";
import type { Scenario } from "./scenarios.ts";
import { SteadyLoad } from "./steady-load.ts";

interface Contestant {
  readonly name: string;
  readonly running: RunningProxy;
  readonly load: SteadyLoad;
  /** Its place among the ports of every endpoint. */
  readonly lane: number;
}

const beforeMs = 3000;
const settledMs = 4000;
/**
 * How long is waited, between faults, for every proxy to use every endpoint without an error; then the next fault comes
 * all the same.
 */
const calmLimitMs = 12_000;
const calmMs = 1000;

/** Endpoints, proxies and a load for each proxy, on which faults are played. */
export class Arena {
  readonly #endpoints: readonly EndpointProcess[];
  readonly #spare: EndpointProcess;
  readonly #contestants: readonly Contestant[];
  readonly #random: () => number;

  private constructor(
    endpoints: readonly EndpointProcess[],
    spare: EndpointProcess,
    contestants: readonly Contestant[],
    random: () => number,
  ) {
    this.#endpoints = endpoints;
    this.#spare = spare;
    this.#contestants = contestants;
    this.#random = random;
  }

  /** Starts everything. */
  static async open(
    proxies: readonly ChaosProxy[],
    options: { readonly seed: number; readonly ratePerSecond: number },
  ): Promise<Arena> {
    const all: EndpointProcess[] = [];
    for (const [at, name] of ["a", "b", "c", "spare"].entries()) {
      const ports: number[] = [];
      for (let lane = 0; lane < proxies.length; lane++) ports.push(await freePort());
      all.push(new EndpointProcess(name, ports, options.seed + at));
    }
    const endpoints = all.slice(0, 3);
    await Promise.all(endpoints.map((endpoint) => endpoint.start()));
    const contestants: Contestant[] = [];
    for (const [lane, proxy] of proxies.entries()) {
      const port = await freePort();
      const running = await proxy.start(port, portsOf(endpoints, lane));
      contestants.push({ name: proxy.name, running, lane, load: new SteadyLoad(port, options.ratePerSecond) });
    }
    return new Arena(endpoints, all[3]!, contestants, createRandom(options.seed));
  }

  /** Plays a fault, from a calm start. @returns what it came to, by proxy */
  async play(scenario: Scenario): Promise<Record<string, Outcome>> {
    await this.#calm();
    const victim = this.#endpoints[Math.floor(this.#random() * this.#endpoints.length)]!;
    const stage = {
      endpoints: this.#endpoints,
      spare: this.#spare,
      victim,
      sleep,
      reload: (endpoints: readonly EndpointProcess[]) => this.#reload(endpoints),
    };
    const countsBefore = await this.#counts();
    const startMs = performance.now();
    await sleep(beforeMs);
    const requestsBefore = this.#endpointRequests();
    const ownBefore = await this.#counts();
    const faultMs = performance.now();
    await Promise.all([scenario.begin(stage), sleep(scenario.faultMs)]);
    const requestsAfter = this.#endpointRequests();
    const ownAfter = await this.#counts();
    const endMs = performance.now();
    await scenario.end(stage);
    const wellMs = performance.now();
    await sleep(scenario.afterMs);
    const overMs = performance.now();
    // Requests that began before the end may take their time.
    await sleep(500);
    const countsAfter = await this.#counts();
    const timeline: Timeline = {
      before: { fromMs: startMs, toMs: faultMs },
      during: { fromMs: faultMs, toMs: endMs },
      settled: { fromMs: Math.max(faultMs, endMs - settledMs), toMs: endMs },
      after: { fromMs: wellMs, toMs: overMs },
    };
    return Object.fromEntries(
      this.#contestants.map(({ name, load, lane }) => {
        let ratio: number | null = null;
        if (scenario.isOutage === true) {
          const requests = load.records.filter((record) => record.startMs >= faultMs && record.startMs < endMs).length;
          const seen = (requestsAfter[lane] ?? 0) - (requestsBefore[lane] ?? 0);
          // The dead do not count; then the proxy's own word is taken.
          const said = (ownAfter[lane]?.attempts ?? 0) - (ownBefore[lane]?.attempts ?? 0);
          ratio = (scenario.name === "outage" ? said : seen) / requests;
        }
        return [name, toOutcome(load.records, timeline, [countsBefore[lane]!, countsAfter[lane]!], ratio)];
      }),
    );
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const { load } of this.#contestants) load.stop();
    await Promise.all(this.#contestants.map(({ running }) => running.stop()));
    await Promise.all([...this.#endpoints, this.#spare].map((endpoint) => endpoint.kill()));
  }

  async #reload(endpoints: readonly EndpointProcess[]): Promise<void> {
    await Promise.all(this.#contestants.map(({ running, lane }) => running.reload(portsOf(endpoints, lane))));
  }

  #counts() {
    return Promise.all(this.#contestants.map(({ running }) => running.counts()));
  }

  /** Requests that the endpoints have seen, by lane. */
  #endpointRequests(): number[] {
    return this.#contestants.map(({ lane }) =>
      [...this.#endpoints, this.#spare].reduce((sum, endpoint) => sum + endpoint.requestsOn(endpoint.ports[lane]!), 0),
    );
  }

  /** Waits until nobody sees errors and all endpoints are used by all. */
  async #calm(): Promise<void> {
    const deadline = performance.now() + calmLimitMs;
    while (performance.now() < deadline) {
      const before = this.#endpoints.map((endpoint) => endpoint.ports.map((port) => endpoint.requestsOn(port)));
      const fromMs = performance.now();
      await sleep(calmMs);
      const isUsed = this.#endpoints.every((endpoint, at) =>
        endpoint.ports.every((port, lane) => endpoint.requestsOn(port) > (before[at]?.[lane] ?? 0) + 5),
      );
      const isClean = this.#contestants.every(({ load }) =>
        load.records.every(({ startMs, kind }) => startMs < fromMs || kind === "ok"),
      );
      if (isUsed && isClean) return;
    }
  }
}

const portsOf = (endpoints: readonly EndpointProcess[], lane: number): number[] =>
  endpoints.map((endpoint) => endpoint.ports[lane]!);
