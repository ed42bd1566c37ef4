/**
 * `npm run chaos`: endpoints die, freeze, slow down and talk nonsense while a steady load runs through Millrace, nginx and HAProxy at the same time, before the same endpoints.
 * Real processes, at most five minutes; a seed decides who is hit. Ends with 1 where Millrace did not keep what it promises. Linux only.
 *
 *   node bench/chaos/run.ts [--seed 1] [--rate 150] [--only kill,freeze] [--proxies millrace,nginx] [--write]
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
import { type ChaosRun, toMarkdown } from "./report.ts";
import { scenarios } from "./scenarios.ts";
import { judge } from "./verdicts.ts";

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
  if (!isThere) console.error(`${title} is not installed (\`node scripts/install-packages.ts bench\`); going on without it.`);
  return isThere;
});
const toRun = scenarios.filter(({ name }) => chosen?.includes(name) ?? true);
if (proxies.length === 0 || toRun.length === 0 || !(seed >= 0) || !(ratePerSecond > 0)) {
  console.error(`Nothing to do. Faults: ${scenarios.map(({ name }) => name).join(", ")}. Proxies: millrace, nginx, haproxy.`);
  process.exit(2);
}

cleanUpAtExit();
const arena = await Arena.open(proxies, { seed, ratePerSecond });
const results: ChaosRun["scenarios"][number][] = [];
for (const scenario of toRun) {
  process.stderr.write(`${scenario.title} …\n`);
  results.push({ name: scenario.name, title: scenario.title, outcomes: await arena.play(scenario) });
}
await arena.close();

const ours = new Map<string, Outcome>();
for (const { name, outcomes } of results) if (outcomes["millrace"] !== undefined) ours.set(name, outcomes["millrace"]);
const run: ChaosRun = {
  seed,
  ratePerSecond,
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`,
  proxies: await Promise.all(proxies.map(async ({ name, title, version }) => ({ name, title, version: await version() }))),
  scenarios: results,
  verdicts: judge(ours),
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
