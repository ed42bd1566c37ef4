/**
 * A storm of numbered requests through pipelining, slow, vanishing and half-closing clients to endpoints that answer in
 * every way, take uploads by fits and starts, break off and close, by routes that buffer, limit, queue, hedge and
 * throttle: every byte of every answer and upload must belong to its request, every request has one outcome and one
 * line in the log, and in the end nothing is left.
 *
 * MILLRACE_STORM_SECONDS: how long each storm lasts (default 3). MILLRACE_STORM_SEED: which storm.
 */
import assert from "node:assert/strict";
import type { NetConnectOpts } from "node:net";
import { join } from "node:path";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { mannerOf, type Outcome, StormClient } from "../support/identity-client.ts";
import { Ledger, Origin } from "../support/identity-origin.ts";
import { below, createRandom, maxLimitedBytes, oneOf, planOf, type Way } from "../support/identity-plan.ts";
import type { ProxyOptions } from "../support/proxy-under-test.ts";

const stormMs = Number(process.env["MILLRACE_STORM_SECONDS"] ?? 3) * 1_000;
const stormSeed = Number(process.env["MILLRACE_STORM_SEED"] ?? 1);
const clientCount = 24;
/** A client that is not done so long after the storm never will be. */
const calmMs = 20_000;

interface Storm {
  readonly workers: number;
  readonly pipelining: number;
  readonly doesReload: boolean;
}

const storms: readonly Storm[] = [
  { workers: 0, pipelining: 1, doesReload: false },
  { workers: 0, pipelining: 8, doesReload: true },
  { workers: 2, pipelining: 8, doesReload: false },
];

/** Why this outcome is wrong, or null. */
function faultOf({ plan, manner, kind, code, isExcused }: Outcome): string | null {
  if (kind === "complete" || isExcused) return null;
  if (plan.way === "limit" && code === "BODY_TOO_LARGE" && plan.upload !== null && plan.upload.size > maxLimitedBytes)
    return null;
  // Who ends its side while it stands in a queue is taken for gone.
  if (plan.way === "queue" && manner.isHalfClosing) return null;
  // What was lost with a connection that the endpoint closed cannot be sent again if it has a body or is no
  // idempotent request.
  const isFragile = plan.upload !== null || plan.fault !== "none";
  if (
    isFragile &&
    (kind === "own"
      ? ["UPSTREAM_RESET", "UPSTREAM_TRUNCATED", ""].includes(code)
      : plan.fault !== "none" || plan.isEarly || plan.isEcho)
  )
    return null;
  return `${kind} ${code}`;
}

/** The route of requests that go the way `way`. */
const route = (way: Way, upstream: string, middleware?: object): object => ({
  match: { header: { "x-storm-way": way } },
  middlewares: middleware === undefined ? [] : [middleware],
  upstream,
});

async function runStorm(storm: Storm, harness: Harness): Promise<void> {
  const folder = await harness.folder();
  const random = createRandom(stormSeed);
  const plan = (id: number) => planOf(stormSeed, id);
  const ledger = new Ledger();
  const origins = await Promise.all(
    [null, join(folder, "one.sock"), join(folder, "other.sock")].map((path) => Origin.start(path, ledger, plan)),
  );
  for (const origin of origins) harness.atEnd(() => origin.close());
  const upstreamWith = (idleTimeout: string): object => ({
    endpoints: origins.map(({ url }) => url),
    pool: { pipelining: storm.pipelining, idleTimeout },
    retry: { budgetPercent: 100 },
    outlier: false,
  });
  const optionsWith = (idleTimeout: string): ProxyOptions => ({
    routes: [
      route("buffer", "app", { buffer: { maxRequestBytes: "4MiB", memoryBytes: "8KiB" } }),
      route("limit", "app", { bodyLimit: { maxRequestBytes: maxLimitedBytes } }),
      route("slow", "app", { fault: { bandwidth: { bytesPerSecond: "8MiB" } } }),
      route("queue", "narrow"),
      route("hedge", "hedged"),
      { upstream: "app" },
    ],
    config: {
      workers: storm.workers,
      listeners: [{ address: "127.0.0.1:0" }, { address: `unix:${join(folder, "proxy.sock")}` }],
      upstreams: {
        app: upstreamWith(idleTimeout),
        narrow: { ...upstreamWith(idleTimeout), limits: { maxRequestsPerEndpoint: 1, pendingTimeout: "60s" } },
        hedged: { ...upstreamWith(idleTimeout), hedge: { after: "10ms" } },
      },
    },
  });
  const proxy = await harness.proxy(optionsWith("60s"));
  const targets: readonly NetConnectOpts[] = [
    { host: "127.0.0.1", port: proxy.port },
    { path: join(folder, "proxy.sock") },
  ];
  const outcomes: Outcome[] = [];
  const violations: string[] = [];
  const clients = new Set<StormClient>();
  let nextId = 1;
  const endMs = performance.now() + stormMs;
  const live = async (): Promise<void> => {
    while (performance.now() < endMs && violations.length === 0) {
      const plans = Array.from({ length: 1 + below(random, 6) }, () => plan(nextId++));
      const client = new StormClient(oneOf(random, targets), plans, mannerOf(random, plans));
      clients.add(client);
      await client.run();
      clients.delete(client);
      outcomes.push(...client.outcomes);
      violations.push(...client.violations);
    }
  };
  const reload = async (): Promise<void> => {
    for (let turn = 1; storm.doesReload && performance.now() < endMs; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await proxy.reload(optionsWith(`${60 + turn}s`));
    }
  };
  const watchdog = setTimeout(() => {
    for (const client of clients) {
      violations.push(`never done: ${client.state}`);
      client.destroy();
    }
  }, stormMs + calmMs);
  try {
    await Promise.all([reload(), ...Array.from({ length: clientCount }, live)]);
    assert.deepEqual([...violations, ...ledger.violations].slice(0, 5), [], "every byte belongs to its request");
    const faults = outcomes
      .filter((outcome) => faultOf(outcome) !== null)
      .map((outcome) => `${faultOf(outcome)}: ${JSON.stringify(outcome)}`);
    assert.deepEqual(faults.slice(0, 5), [], `${faults.length} of ${outcomes.length} requests went wrong`);
  } finally {
    clearTimeout(watchdog);
  }
  const [lines] = await harness.end();
  checkLog(lines!, outcomes);
}

/** One line for each request that got anything of an answer, at most one for the others. */
function checkLog(lines: readonly Record<string, unknown>[], outcomes: readonly Outcome[]): void {
  const counts = new Map<number, number>();
  for (const { target } of lines) {
    const id = Number(/^\/id\/(\d+)$/.exec(String(target))?.[1] ?? -1);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const wrong = outcomes.filter(({ plan: { id }, kind }) => {
    const count = counts.get(id) ?? 0;
    return kind === "none" ? count > 1 : count !== 1;
  });
  assert.deepEqual(
    wrong.map(({ plan: { id }, kind }) => `${id}: ${kind}, ${counts.get(id) ?? 0} lines`),
    [],
    "one line for each request",
  );
}

for (const storm of storms) {
  testWithHarness(`nothing is mixed up or lost in a storm (${JSON.stringify(storm)}, seed ${stormSeed})`, (harness) =>
    runStorm(storm, harness),
  );
}
