/**
 * `npm run bench`: Millrace beside its peers on this machine, in one run. `node bench/run.ts --help` lists the options,
 * bench/README.md says how to read the figures.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPackages } from "../scripts/install-packages.ts";
import { type Backend, startBackend } from "./macro/backend.ts";
import { allowedCores, machineFacts, planCores } from "./macro/machine.ts";
import { measureIdle } from "./macro/measure-idle.ts";
import { type LoadSettings, measureLoad } from "./macro/measure-load.ts";
import { measureMemory } from "./macro/measure-memory.ts";
import { measureStartup } from "./macro/measure-startup.ts";
import { createCatalog } from "./macro/peers/catalog.ts";
import { commandOutput } from "./macro/peers/command-output.ts";
import {
  defaultMillraceCommand,
  ensureCompiled,
  millraceCold,
  millraceInThreads,
  millracePeer,
} from "./macro/peers/millrace.ts";
import type { Peer } from "./macro/peers/peer.ts";
import { tlsFiles } from "./macro/tls-files.ts";
import { ForeignLoad } from "./macro/process-usage.ts";
import { renderChart } from "./macro/report/chart.ts";
import { replaceReadmeSection, renderReadmeSection, renderTargets } from "./macro/report/readme.ts";
import { renderTables } from "./macro/report/tables.ts";
import type { BenchResults } from "./macro/results.ts";
import { loadScenarios, plainPeers, type ScenarioName, scenarioNames } from "./macro/scenarios.ts";
import { judge } from "./macro/verdicts.ts";
import { cleanUpAtExit } from "./macro/workspace.ts";
import { measureRouteLookup } from "./micro/route-lookup.ts";

const help = `Usage: node bench/run.ts [options]

  --quick             short rounds, for development
  --only NAMES        scenarios, separated by commas: ${scenarioNames.join(", ")}
  --peers NAMES       proxies, separated by commas: nginx, haproxy, millrace, millrace-pipelining, millrace-log, go, go-pooled, caddy, http-proxy, haproxy-tcp, millrace-tcp, nginx-cache, varnish, millrace-cache
  --rounds N          rounds of each measurement (default 5; quick: 3)
  --seconds N         length of a round in whole seconds (default 2; quick: 1)
  --patient           on a shared machine: repeat rounds, up to five times, in which other programs took over a tenth of it
  --millrace COMMAND  how to start Millrace, before "run FILE" (default: the compiled package if it is current, else the sources)
  --write             also rewrite the sections of README.md and bench/README.md
  --render            measure nothing: rewrite chart and README section from bench/results/latest.json
  --help

A run of everything (no --quick, --only, --peers) writes bench/results/latest.json and bench/results/chart.svg.`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    patient: { type: "boolean", default: false },
    millrace: { type: "string" },
    write: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const files = {
  results: fileURLToPath(new URL("results/latest.json", import.meta.url)),
  chart: fileURLToPath(new URL("results/chart.svg", import.meta.url)),
  guide: fileURLToPath(new URL("README.md", import.meta.url)),
  readme: fileURLToPath(new URL("../README.md", import.meta.url)),
};

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

/** The wanted names, in catalogue order; ends the program on an unknown one. */
function choose(list: string | undefined, known: readonly string[]): string[] {
  if (list === undefined) return [...known];
  const wanted = list.split(",").map((name) => name.trim());
  for (const name of wanted) if (!known.includes(name)) fail(`Unknown name "${name}". Known: ${known.join(", ")}`);
  return known.filter((name) => wanted.includes(name));
}

function positive(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) fail(`"${text}" is no positive whole number`);
  return value;
}

/**
 * The target for the start is about the compiled package, so measuring it builds the package; the rest takes what is
 * there.
 */
async function chooseCommand(scenarios: ReadonlySet<ScenarioName>): Promise<readonly string[]> {
  if (options.millrace !== undefined) return options.millrace.split(" ").filter((word) => word !== "");
  if (scenarios.has("startup") || scenarios.has("memory")) {
    await ensureCompiled().catch((error: Error) =>
      console.error(`The package cannot be built, so the sources are measured: ${error.message}`),
    );
  }
  return defaultMillraceCommand();
}

async function measure(): Promise<BenchResults> {
  const scenarios = new Set(choose(options.only, scenarioNames) as ScenarioName[]);
  const command = await chooseCommand(scenarios);
  const catalog = createCatalog(command);
  const names = new Set(
    choose(
      options.peers,
      catalog.map((peer) => peer.name),
    ),
  );
  const settings: LoadSettings = {
    repeats: options.patient ? 5 : 0,
    rounds: positive(options.rounds, options.quick ? 3 : 5),
    seconds: positive(options.seconds, options.quick ? 1 : 2),
    warmUpSeconds: options.quick ? 1 : 2,
  };
  const plan = planCores(allowedCores());
  const wrk = await commandOutput("wrk", ["-v"], /wrk (\S+)/);
  const results: BenchResults = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineFacts(),
    versions: wrk === null ? {} : { wrk: wrk.replace("debian/", "") },
    titles: {},
    settings: { rounds: settings.rounds, seconds: settings.seconds },
    foreignShare: 0,
    load: {},
    idle: {},
    idleTls: {},
    startup: {},
    memory: null,
    coldStartup: null,
    routeLookup: null,
    verdicts: [],
    failures: [],
  };
  const peers: Peer[] = [];
  for (const peer of catalog) {
    if (!names.has(peer.name)) continue;
    const version = await peer.version();
    if (version === null) {
      console.error(`${peer.name} is not installed and left out`);
      continue;
    }
    results.versions[peer.name] = version;
    results.titles[peer.name] = peer.title;
    peers.push(peer);
  }
  const participants = (list: readonly string[]): Peer[] => peers.filter((peer) => list.includes(peer.name));
  // Asked for by name, a variant takes part everywhere; otherwise only if the scenario lists it.
  const defaultPeers = options.peers === undefined ? plainPeers : [...names];
  console.error(`Millrace is started by: ${command.map((word) => relative(process.cwd(), word)).join(" ")}`);

  const report =
    (scenario: string) =>
    (peer: string, error: Error): void => {
      console.error(`${scenario}: ${peer} is left out: ${error.message.trim()}`);
      results.failures.push({ scenario, peer });
    };

  const backend: Backend = await startBackend(plan.backend);
  const foreign = new ForeignLoad([backend.pid]);
  try {
    for (const scenario of loadScenarios) {
      if (!scenarios.has(scenario.name as ScenarioName)) continue;
      console.error(`${scenario.name}: ${scenario.title}`);
      const chosen = participants(scenario.peers ?? defaultPeers);
      results.load[scenario.name] = await measureLoad(scenario, chosen, backend, plan, settings, report(scenario.name));
    }
    if (scenarios.has("idle")) {
      console.error("idle: memory of 4,000 idle connections");
      results.idle = await measureIdle(
        { peers: participants(defaultPeers), rounds: options.quick ? 1 : 3, onFailure: report("idle") },
        { backend, plan, tls: null },
      );
    }
    if (scenarios.has("tls-idle")) {
      console.error("tls-idle: the same with TLS");
      results.idleTls = await measureIdle(
        { peers: participants(["nginx", "millrace"]), rounds: options.quick ? 1 : 3, onFailure: report("tls-idle") },
        { backend, plan, tls: await tlsFiles() },
      );
    }
    if (scenarios.has("startup")) {
      console.error("startup: time to the first answer");
      results.startup = await measureStartup(
        { peers: participants(defaultPeers), rounds: settings.rounds, onFailure: report("startup") },
        backend,
        plan,
      );
    }
    if (scenarios.has("startup") && names.has("millrace")) {
      const cold = millracePeer(millraceCold, command);
      const measured = await measureStartup(
        { peers: [cold], rounds: settings.rounds, onFailure: report("startup") },
        backend,
        plan,
      );
      results.coldStartup = measured[cold.name] ?? null;
    }
    if (scenarios.has("memory") && names.has("millrace")) {
      console.error("memory: with proxy threads, idle, under load and afterwards");
      const peer = millracePeer(millraceInThreads, command);
      results.memory = await measureMemory(peer, backend, plan, options.quick ? 10 : 60).catch((error: Error) => {
        report("memory")(peer.name, error);
        return null;
      });
    }
    if (scenarios.has("routes") && names.has("millrace")) {
      console.error("routes: look-up among 10,000 routes");
      results.routeLookup = await measureRouteLookup(Math.max(settings.rounds, 15));
    }
  } finally {
    results.foreignShare = foreign.share();
    await backend.stop();
  }
  results.verdicts = judge(results);
  return results;
}

function writeReadme(results: BenchResults): void {
  writeFileSync(files.readme, replaceReadmeSection(readFileSync(files.readme, "utf8"), renderReadmeSection(results)));
  writeFileSync(files.guide, replaceReadmeSection(readFileSync(files.guide, "utf8"), renderTargets(results)));
}

if (options.help) {
  console.log(help);
} else if (options.render) {
  const results = JSON.parse(readFileSync(files.results, "utf8")) as BenchResults;
  results.verdicts = judge(results);
  writeFileSync(files.chart, renderChart(results));
  writeReadme(results);
  console.log(renderTables(results));
} else {
  cleanUpAtExit();
  installPackages("bench");
  const results = await measure();
  console.log(renderTables(results));
  if (results.failures.length > 0) process.exitCode = 1;
  if (!options.quick && options.only === undefined && options.peers === undefined) {
    mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
    writeFileSync(files.results, `${JSON.stringify(results, null, 1)}\n`);
    writeFileSync(files.chart, renderChart(results));
  }
  if (options.write) writeReadme(results);
}
