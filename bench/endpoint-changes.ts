/**
 * Endpoints that change while requests pass: `node bench/endpoint-changes.ts [--routes N] [--endpoints N] [--changes N]
 * [--balance NAME] [--pause MS]`. One upstream of `endpoints` discovered ones, of which one comes or goes with each
 * change; the next comes as soon as one has been taken, or `pause` later. Prints what a change costs (processor time of
 * the process), the longest stall of each thread, the latency of requests to another upstream without and with changes,
 * and the memory before and after.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { Agent, createServer, get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "./macro/loopback.ts";
import { compiledMillraceCommand, ensureCompiled } from "./macro/peers/millrace.ts";
import { cleanUpAtExit, makeFolder, startProcess } from "./macro/workspace.ts";

/** Milliseconds of a thread's processor time; times of a latency. */
const limits = { stall: 100, latency: 2 };

const { values: options } = parseArgs({
  options: {
    routes: { type: "string", default: "10000" },
    endpoints: { type: "string", default: "1000" },
    changes: { type: "string", default: "100" },
    balance: { type: "string", default: "round-robin" },
    threads: { type: "string", default: "2" },
    pause: { type: "string", default: "0" },
  },
});
const [routes, endpoints, changes] = [options.routes, options.endpoints, options.changes].map(Number) as [
  number,
  number,
  number,
];
const [port, servedPort] = [await freePort(), await freePort()];
const folder = makeFolder("endpoint-changes");
const [file, list] = [join(folder, "millrace.json"), join(folder, "endpoints.json")];

function writeList(round: number): void {
  const urls = Array.from({ length: endpoints }, (_, at) => `http://127.0.0.1:${20_000 + at}`);
  urls[round % endpoints] = `http://127.0.0.1:${40_000 + (round % 20_000)}`;
  // The first one answers, so that the upstream is open in every thread.
  urls[0] = `http://127.0.0.1:${servedPort}`;
  writeFileSync(`${list}.new`, JSON.stringify(urls));
  renameSync(`${list}.new`, list);
}

writeList(1);
writeFileSync(
  file,
  JSON.stringify({
    workers: Number(options.threads),
    listeners: [{ address: `127.0.0.1:${port}` }],
    log: { stats: "0s" },
    routes: [
      { match: { path: "/other" }, upstream: "other" },
      { match: { path: "/many" }, upstream: "many" },
      ...Array.from({ length: routes }, (_, at) => ({
        match: { host: `host-${at}.example.com`, path: "/api/*" },
        upstream: `u${at}`,
      })),
    ],
    upstreams: {
      other: { endpoints: [`http://127.0.0.1:${servedPort}`] },
      many: {
        discovery: { file: list, lastGood: false },
        balance:
          options.balance === "maglev" || options.balance === "ringHash"
            ? { [options.balance]: { key: "clientIp" } }
            : options.balance,
        timeouts: { connect: "100ms" },
      },
      ...Object.fromEntries(
        Array.from({ length: routes }, (_, at) => [
          `u${at}`,
          { endpoints: [`http://127.0.0.1:${9_000 + (at % 1_000)}`] },
        ]),
      ),
    },
  }),
);

cleanUpAtExit();
await ensureCompiled();
const server = createServer((_request, answer) => answer.end("ok")).listen(servedPort, "127.0.0.1");
const [node = "", ...rest] = compiledMillraceCommand();
const running = startProcess([
  node,
  "--import",
  new URL("./macro/stall-watch.ts", import.meta.url).href,
  ...rest,
  "run",
  file,
]);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const ask = (path: string): Promise<number> =>
  new Promise((resolve) => {
    const startMs = performance.now();
    get({ host: "127.0.0.1", port, path, agent }, (answer) => {
      answer.resume().on("end", () => resolve(performance.now() - startMs));
    }).on("error", () => resolve(Number.NaN));
  });
const cpuMs = (): number => {
  const fields = readFileSync(`/proc/${running.pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
};
const residentMib = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
while (Number.isNaN(await ask("/other"))) await sleep(20);
const taken = (): number => running.output().split("upstream has other endpoints").length - 1;

/** A request every few milliseconds until `isOver`. @returns the latencies, sorted */
async function measure(isOver: () => boolean): Promise<number[]> {
  const latencies: number[] = [];
  while (!isOver()) {
    latencies.push(await ask("/other"));
    await sleep(2);
  }
  return latencies.toSorted((one, other) => one - other);
}

const say = (sorted: readonly number[]): string =>
  `median ${sorted[sorted.length >> 1]?.toFixed(2)} ms, p99 ${sorted[Math.floor(sorted.length * 0.99)]?.toFixed(2)} ms, longest ${sorted.at(-1)?.toFixed(1)} ms of ${sorted.length}`;

for (let at = 0; at < 20; at++) await Promise.all(Array.from({ length: 8 }, () => ask("/many")));
await sleep(2_000);
const quietEndMs = performance.now() + 10_000;
const cpuBefore = cpuMs();
const quiet = await measure(() => performance.now() > quietEndMs);
const cpuQuiet = (cpuMs() - cpuBefore) / quiet.length;
const before = residentMib();
const from = running.output().length;
const cpuStart = cpuMs();
let isDone = false;
let applied = 0;
const memory: number[] = [];
const changing = (async () => {
  for (let round = 2; round < changes + 2; round++) {
    const count = taken();
    writeList(round);
    while (taken() === count) {
      await sleep(5);
    }
    applied++;
    await sleep(Number(options.pause));
    if (applied % 50 === 0) memory.push(residentMib());
  }
  isDone = true;
})();
const busy = await measure(() => isDone);
await changing;
const cost = (cpuMs() - cpuStart - cpuQuiet * busy.length) / applied;
const worst = new Map<string, number>();
for (const [, name = "", , stall = ""] of running
  .output()
  .slice(from)
  .matchAll(/^stall (\S+) (\d+) (\d+)$/gm))
  worst.set(name, Math.max(worst.get(name) ?? 0, Number(stall)));
await sleep(5_000);
console.log(`${routes} routes, ${endpoints} endpoints, ${options.balance}, ${applied} changes`);
console.log(`a change costs ${cost.toFixed(1)} ms of processor time, reading the list among it`);
for (const [name, stall] of worst) console.log(`longest stall of ${name}: ${stall} ms of its processor time`);
console.log(`without changes: ${say(quiet)}`);
console.log(`with changes:    ${say(busy)}`);
console.log(
  `memory: ${before.toFixed(0)} MiB before, ${memory.map((mib) => mib.toFixed(0)).join(", ")} after each 50 changes, ${residentMib().toFixed(0)} in the end`,
);
await running.stop();
agent.destroy();
server.close();
const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? 0;
process.exitCode = Math.max(0, ...worst.values()) <= limits.stall && p99(busy) <= limits.latency * p99(quiet) ? 0 : 1;
