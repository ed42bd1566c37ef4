/**
 * Start and reloads with many routes, each to an upstream of its own: `node bench/many-routes.ts [--routes N]
 * [--threads N] [--rounds N]`. Prints the time and the processor time from the start to the first answer, and the
 * longest stall of each thread that serves while one upstream of all changes. Exit code 1 above the limits.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { compiledMillraceCommand, ensureCompiled } from "./macro/peers/millrace.ts";
import { freePort } from "./macro/loopback.ts";
import { median } from "./macro/statistics.ts";
import { cleanUpAtExit, makeFolder, type RunningProcess, startProcess } from "./macro/workspace.ts";

/** Milliseconds; of a stall, processor time of the thread. */
const limits = { start: 1_500, stall: 100 };
const patienceMs = 60_000;

const { values: options } = parseArgs({
  options: {
    routes: { type: "string", default: "10000" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
  },
});
const count = Number(options.routes);
const rounds = Number(options.rounds);
const port = await freePort();
const file = join(makeFolder("many-routes"), "millrace.yaml");

/** @param changed the port of one endpoint, which tells one configuration from the next */
function write(changed: number): void {
  const lines = [`workers: ${options.threads}`, "listeners:", `  - address: 127.0.0.1:${port}`, "log: { stats: 0s }"];
  lines.push("routes:");
  for (let at = 0; at < count; at++)
    lines.push(`  - name: r${at}`, `    match: { host: host-${at}.example.com, path: /api/* }`, `    upstream: u${at}`);
  lines.push("upstreams:");
  for (let at = 0; at < count; at++)
    lines.push(`  u${at}:`, `    endpoints: ["http://127.0.0.1:${at === 7 ? changed : 9_000 + (at % 1_000)}"]`);
  writeFileSync(`${file}.new`, `${lines.join("\n")}\n`);
  renameSync(`${file}.new`, file);
}

/** Is the request answered, by whatever status? */
const isAnswering = (): Promise<boolean> =>
  new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/", agent: false }, (answer) => {
      answer.resume();
      resolve(true);
    }).on("error", () => resolve(false));
  });

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > patienceMs) throw new Error(`waited in vain until ${what}`);
    await sleep(5);
  }
}

function cpuMsOf({ pid }: RunningProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function start(preload: readonly string[]): Promise<{ running: RunningProcess; wallMs: number; cpuMs: number }> {
  const [node = "", ...rest] = compiledMillraceCommand();
  const startMs = performance.now();
  const running = startProcess([node, ...preload, ...rest, "run", file]);
  await until("the first answer came", isAnswering);
  return { running, wallMs: performance.now() - startMs, cpuMs: cpuMsOf(running) };
}

cleanUpAtExit();
await ensureCompiled();
write(8_000);
const starts: { wallMs: number; cpuMs: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const { running, ...times } = await start([]);
  starts.push(times);
  await running.stop();
}
const wall = median(starts.map(({ wallMs }) => wallMs));
const cpu = median(starts.map(({ cpuMs }) => cpuMs));
console.log(`${count} routes: first answer after ${wall.toFixed(0)} ms, ${cpu.toFixed(0)} ms of processor time`);

const { running } = await start(["--import", new URL("./macro/stall-watch.ts", import.meta.url).href]);
const told = (text: string): number => running.output().split(text).length - 1;
await until("the threads are at rest", async () => {
  const before = running.output().length;
  await sleep(500);
  return running.output().length === before;
});
const worst = new Map<string, number>();
for (let round = 1; round <= rounds; round++) {
  const from = running.output().length;
  write(8_000 + round);
  await until("the reload was told", () => told('"reloaded: ') === round);
  await sleep(500);
  for (const [, name = "", , cpuText = ""] of running
    .output()
    .slice(from)
    .matchAll(/^stall (\S+) (\d+) (\d+)$/gm))
    worst.set(name, Math.max(worst.get(name) ?? 0, Number(cpuText)));
}
await running.stop();
for (const [name, stallMs] of [...worst].toSorted())
  console.log(`longest stall of ${name} in ${rounds} reloads: ${stallMs} ms of its processor time`);
process.exitCode = wall <= limits.start && Math.max(0, ...worst.values()) <= limits.stall ? 0 : 1;
