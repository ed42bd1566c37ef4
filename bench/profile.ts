/**
 * Where Millrace spends its time in one scenario: `node bench/profile.ts [--scenario small] [--variant millrace]
 * [--seconds 5] [--top 30] [--perf] [--keep FILE.cpuprofile]`. Prints functions by self time while the load ran; with
 * `--perf` (and Linux `perf` installed) also the kernel's share, by symbol.
 */
import { copyFileSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCommand, installPackages } from "../scripts/install-packages.ts";
import { startBackend } from "./macro/backend.ts";
import { type CpuProfile, selfTimes } from "./macro/cpu-profile.ts";
import { allowedCores, planCores } from "./macro/machine.ts";
import { checkCorrect } from "./macro/measure-load.ts";
import {
  defaultMillraceCommand,
  millraceCache,
  millraceCompress,
  millracePeer,
  millraceVariants,
} from "./macro/peers/millrace.ts";
import { startPeer } from "./macro/peers/peer.ts";
import { cpuTime, cpuTimeBetween } from "./macro/process-usage.ts";
import { alignColumns, figure } from "./macro/report/tables.ts";
import { loadScenarios } from "./macro/scenarios.ts";
import { tlsFiles } from "./macro/tls-files.ts";
import { cleanUpAtExit, makeFolder, runCommand } from "./macro/workspace.ts";
import { runLoad } from "./macro/wrk.ts";

const { values: options } = parseArgs({
  options: {
    scenario: { type: "string", default: "small" },
    variant: { type: "string", default: "millrace" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "30" },
    perf: { type: "boolean", default: false },
    keep: { type: "string" },
    millrace: { type: "string" },
  },
});

const scenario = loadScenarios.find(({ name }) => name === options.scenario);
const variant = [...millraceVariants, millraceCache, millraceCompress].find(({ name }) => name === options.variant);
if (scenario === undefined || variant === undefined) {
  console.error(
    `--scenario is one of ${loadScenarios.map(({ name }) => name).join(", ")}; --variant one of ${[...millraceVariants, millraceCache, millraceCompress].map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}

cleanUpAtExit();
installPackages("bench");
const seconds = Number(options.seconds);
const folder = makeFolder("profile");
const [node = process.execPath, ...program] = options.millrace?.split(" ") ?? defaultMillraceCommand();
// perf needs the names of compiled functions, the V8 profiler costs time of its own: never both in one process.
const flags = options.perf
  ? ["--perf-basic-prof", "--interpreted-frames-native-stack"]
  : ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=250"];
const plan = planCores(allowedCores());
const backend = await startBackend(plan.backend);
const running = await startPeer(millracePeer(variant, [node, ...flags, ...program]), backend.port, {
  cores: plan.proxy,
  tls: scenario.tls === "none" ? null : await tlsFiles(),
});
await checkCorrect(running, scenario, backend);
await runLoad(running.port, scenario, 2, plan.load);

const perf = options.perf ? findCommand("perf") : null;
if (options.perf && perf === null) console.error("perf is not installed");
const before = cpuTime(running.process.pid);
const startUs = Number(process.hrtime.bigint() / 1000n);
const recording =
  perf === null
    ? null
    : runCommand([
        perf,
        "record",
        "-q",
        "-F",
        "999",
        "-g",
        "-o",
        join(folder, "perf.data"),
        "-p",
        String(running.process.pid),
        "--",
        "sleep",
        String(seconds),
      ]);
const report = await runLoad(running.port, scenario, seconds, plan.load);
const endUs = Number(process.hrtime.bigint() / 1000n);
const spent = cpuTimeBetween(before, cpuTime(running.process.pid));
await recording;
const perRequest = (us: number): string => figure(us / report.requests);
console.log(
  `${scenario.title}, ${variant.title}: ${report.requests} requests, CPU ${perRequest(spent.totalUs)} µs each` +
    ` (user ${perRequest(spent.userUs)}, kernel ${perRequest(spent.kernelUs)}), profiler included\n`,
);
if (perf !== null) {
  const table = await runCommand([
    perf,
    "report",
    "--stdio",
    "--no-children",
    "-g",
    "none",
    "--percent-limit",
    "0.5",
    "-i",
    join(folder, "perf.data"),
  ]);
  const lines = table.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  console.log(
    lines
      .slice(0, Number(options.top))
      .map((line) => line.replace(/ {3,}/g, "  ").trimEnd())
      .join("\n"),
  );
}
await running.process.stop(10_000);
// V8 writes the names of compiled functions where perf looks for them, and nobody removes them.
rmSync(`/tmp/perf-${running.process.pid}.map`, { force: true });
await backend.stop();

const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
if (file !== undefined) {
  const path = join(folder, file);
  const functions = selfTimes(JSON.parse(readFileSync(path, "utf8")) as CpuProfile, startUs, endUs);
  const total = functions.reduce((sum, { selfUs }) => sum + selfUs, 0);
  const rows = functions
    .slice(0, Number(options.top))
    .map(({ name, place, selfUs }) => [
      `${name}  ${place}`,
      figure((selfUs / total) * 100, "%"),
      figure(selfUs / report.requests, " µs/req"),
    ]);
  console.log(alignColumns([["self time (without idle)", "", ""], ...rows]));
  if (options.keep !== undefined) copyFileSync(path, options.keep);
} else if (!options.perf) {
  console.error(`No profile was written. The program said:\n${running.process.output()}`);
  process.exitCode = 1;
}
