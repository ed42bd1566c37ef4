/**
 * `npm run chaos`: endpoints die, freeze, slow down and talk nonsense while a steady load runs through Millrace, nginx
 * and HAProxy at the same time, before the same endpoints; then, for one proxy after the other, what surrounds it
 * misbehaves: readers of logs, name servers, descriptors, clients. Real processes, at most nine minutes; a seed decides
 * who is hit. Ends with 1 if Millrace did not keep what it promises. Linux only.
 *
 *   node bench/chaos/run.ts [--seed 1] [--rate 150] [--only kill,log-gone] [--proxies millrace,nginx] [--write]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCommand } from "../../scripts/install-packages.ts";
import { cleanUpAtExit } from "../macro/workspace.ts";
import { Arena } from "./arena.ts";
import type { Outcome } from "./outcome.ts";
import type { ChaosProxy } from "./proxies/chaos-proxy.ts";
import { haproxy } from "./proxies/haproxy.ts";
import { millrace } from "./proxies/millrace.ts";
import { nginx } from "./proxies/nginx.ts";
import type { ContestantName } from "./operation/contestants.ts";
import type { SceneResult } from "./operation/scene.ts";
import { scenes } from "./operation/scenes.ts";
import { type ChaosRun, toMarkdown } from "./report.ts";
import { scenarios } from "./scenarios.ts";
import { judge, judgeScenes } from "./verdicts.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "150" },
    only: { type: "string" },
    proxies: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const seed = Number(values.seed);
const ratePerSecond = Number(values.rate);
const chosen = values.only?.split(",");
const wanted = values.proxies?.split(",");

const proxies = [millrace, nginx, haproxy].filter(({ name, title }: ChaosProxy) => {
  if (wanted !== undefined && !wanted.includes(name)) return false;
  const isThere = name === "millrace" || findCommand(name) !== null;
  if (!isThere)
    console.error(`${title} is not installed (\`node scripts/install-packages.ts bench\`); going on without it.`);
  return isThere;
});
const toRun = scenarios.filter(({ name }) => chosen?.includes(name) ?? true);
const scenesToPlay = scenes.filter(({ name }) => chosen?.includes(name) ?? true);
if (proxies.length === 0 || toRun.length + scenesToPlay.length === 0 || !(seed >= 0) || !(ratePerSecond > 0)) {
  console.error(
    `Nothing to do. Faults: ${[...scenarios, ...scenes].map(({ name }) => name).join(", ")}. Proxies: millrace, nginx, haproxy.`,
  );
  process.exit(2);
}

cleanUpAtExit();
const results: ChaosRun["scenarios"][number][] = [];
if (toRun.length > 0) {
  const arena = await Arena.open(proxies, { seed, ratePerSecond });
  for (const scenario of toRun) {
    process.stderr.write(`${scenario.title} …\n`);
    results.push({ name: scenario.name, title: scenario.title, outcomes: await arena.play(scenario) });
  }
  await arena.close();
}
const played: ChaosRun["scenes"][number][] = [];
for (const { name, title, promise, players, play } of scenesToPlay) {
  process.stderr.write(`${title} …\n`);
  const seen: Record<string, SceneResult> = {};
  for (const proxy of proxies)
    if (players.includes(proxy.name as ContestantName)) seen[proxy.name] = await play(proxy.name as ContestantName);
  played.push({ name, title, promise, results: seen });
}

const ours = new Map<string, Outcome>();
for (const { name, outcomes } of results) if (outcomes["millrace"] !== undefined) ours.set(name, outcomes["millrace"]);
const run: ChaosRun = {
  seed,
  ratePerSecond,
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`,
  proxies: await Promise.all(
    proxies.map(async ({ name, title, version }) => ({ name, title, version: await version() })),
  ),
  scenarios: results,
  scenes: played,
  verdicts: [...judge(ours), ...judgeScenes(played)],
};
const markdown = toMarkdown(run);
console.log(`\n${markdown}`);
if (values.write) {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify(run, null, 2)}\n`);
  writeFileSync(join(folder, "latest.md"), markdown);
}
process.exit(run.verdicts.every(({ isKept }) => isKept) ? 0 : 1);
