/**
 * What a proxy costs: processor time and memory of a process with all its threads and all its descendants, from /proc.
 * Processor time is what remains comparable on a shared machine; throughput is not.
 */
import { readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";

/** Processor time since the start of the process, in microseconds. */
export interface CpuTime {
  totalUs: number;
  userUs: number;
  kernelUs: number;
}

/** The kernel's tick for /proc times; 100 on every Linux architecture in use. */
const ticksPerSecond = 100;
const usPerTick = 1_000_000 / ticksPerSecond;

/** The process and everything below it. */
export function processTree(pid: number): number[] {
  const tree = [pid];
  for (let index = 0; index < tree.length; index++) {
    for (const thread of listThreads(tree[index] as number)) {
      const children = readText(`/proc/${tree[index]}/task/${thread}/children`);
      for (const child of children.trim().split(" ")) if (child !== "") tree.push(Number(child));
    }
  }
  return tree;
}

/** Processor time of the whole tree, to the nanosecond if the kernel keeps `schedstat`, else to its 10 ms tick. */
export function cpuTime(pid: number): CpuTime {
  let ticksUser = 0;
  let ticksKernel = 0;
  let exactUs = 0;
  for (const member of processTree(pid)) {
    const stat = parseStat(readText(`/proc/${member}/stat`));
    ticksUser += stat.utime;
    ticksKernel += stat.stime;
    for (const thread of listThreads(member)) {
      exactUs += Number(readText(`/proc/${member}/task/${thread}/schedstat`).split(" ")[0] ?? 0) / 1000;
    }
  }
  const userUs = ticksUser * usPerTick;
  const kernelUs = ticksKernel * usPerTick;
  return { totalUs: exactUs > 0 ? exactUs : userUs + kernelUs, userUs, kernelUs };
}

/** `after - before`; the exact total is split as the ticks are. */
export function cpuTimeBetween(before: CpuTime, after: CpuTime): CpuTime {
  const totalUs = after.totalUs - before.totalUs;
  const userTicks = after.userUs - before.userUs;
  const kernelTicks = after.kernelUs - before.kernelUs;
  const share = userTicks + kernelTicks > 0 ? userTicks / (userTicks + kernelTicks) : 0;
  return { totalUs, userUs: totalUs * share, kernelUs: totalUs * (1 - share) };
}

/** Proportional set size of the tree, in bytes: memory shared by its processes counts once. */
export function memoryBytes(pid: number): number {
  let kib = 0;
  for (const member of processTree(pid)) {
    const rollup = readText(`/proc/${member}/smaps_rollup`);
    const line = /^Pss:\s+(\d+) kB/m.exec(rollup) ?? /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${member}/status`));
    kib += Number(line?.[1] ?? 0);
  }
  return kib * 1024;
}

/** Resident memory of the tree, in bytes; memory shared with other processes counts in full. */
export function residentBytes(pid: number): number {
  return processTree(pid).reduce(
    (sum, member) => sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${member}/status`))?.[1] ?? 0) * 1024,
    0,
  );
}

/** Time all cores together spent not idle, in microseconds. */
function machineBusyUs(): number {
  const fields = (readText("/proc/stat").split("\n")[0] ?? "").split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) * usPerTick;
}

/** Processor time of this process and of the children it has waited for, in microseconds. */
function ownUs(): number {
  const stat = parseStat(readText("/proc/self/stat"));
  return (stat.utime + stat.stime + stat.cutime + stat.cstime) * usPerTick;
}

/** How much of the machine programs outside the benchmark take. */
export class ForeignLoad {
  readonly #ours: readonly number[];
  readonly #startedMs = performance.now();
  readonly #busyUs = machineBusyUs();
  readonly #ownUs: number;

  /**
   * Starts watching; `pids` are the processes, beside this one and those it waits for, that belong to the benchmark.
   */
  constructor(pids: readonly number[]) {
    this.#ours = pids;
    this.#ownUs = this.#spentUs();
  }

  /** Share of all cores that others used since the start, 0 to 1. */
  share(): number {
    const foreignUs = machineBusyUs() - this.#busyUs - (this.#spentUs() - this.#ownUs);
    return Math.max(0, foreignUs / ((performance.now() - this.#startedMs) * 1000 * cpus().length));
  }

  #spentUs(): number {
    return this.#ours.reduce((sum, pid) => sum + cpuTime(pid).totalUs, ownUs());
  }
}

/** The four times of /proc/PID/stat, in ticks; the name in parentheses may hold spaces and parentheses itself. */
export function parseStat(text: string): { utime: number; stime: number; cutime: number; cstime: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    utime: Number(fields[11] ?? 0),
    stime: Number(fields[12] ?? 0),
    cutime: Number(fields[13] ?? 0),
    cstime: Number(fields[14] ?? 0),
  };
}

function listThreads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** A process may end between two reads; what is gone counts as nothing. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
