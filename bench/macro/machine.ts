/** What the machine is and how its cores are shared out between the proxy and everything else. */
import { readFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";

/** The machine, as the report names it: nothing that identifies it. */
export interface MachineFacts {
  cores: number;
  cpu: string;
  arch: string;
  kernel: string;
  node: string;
}

/** Who runs where; empty lists mean "anywhere". */
export interface CorePlan {
  /** The one core of the proxy under test. */
  proxy: readonly number[];
  /** The two cores of the proxy in the two-thread scenario. */
  proxyTwo: readonly number[];
  load: readonly number[];
  backend: readonly number[];
}

export function machineFacts(): MachineFacts {
  return {
    cores: allowedCores().length,
    cpu: (cpus()[0]?.model ?? "unknown").trim(),
    arch: arch(),
    kernel: release().split("-")[0] ?? "",
    node: process.versions.node,
  };
}

/** `0-3,8` as Linux writes lists of cores. */
export function parseCoreList(text: string): number[] {
  const cores: number[] = [];
  for (const part of text.trim().split(",")) {
    if (part === "") continue;
    const [first, last] = part.split("-").map(Number);
    if (first === undefined || Number.isNaN(first)) continue;
    for (let core = first; core <= (last ?? first); core++) cores.push(core);
  }
  return cores;
}

/** The cores this process may use. */
export function allowedCores(): number[] {
  try {
    const line = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (line?.[1] !== undefined) return parseCoreList(line[1]);
  } catch {
    // Not Linux: the count of cores is all there is.
  }
  return cpus().map((_, index) => index);
}

/**
 * One core for the proxy whatever the machine. Load generator and backend share the first core if there are two,
 * have one each from three on and two each from six on. Two proxy threads overlap with them on fewer than four cores.
 */
export function planCores(cores: readonly number[]): CorePlan {
  if (cores.length < 2) return { proxy: cores, proxyTwo: cores, load: cores, backend: cores };
  const proxyTwo = cores.slice(-2);
  const proxy = cores.slice(-1);
  if (cores.length >= 6) return { proxy, proxyTwo, load: cores.slice(0, 2), backend: cores.slice(2, 4) };
  return {
    proxy,
    proxyTwo,
    load: cores.slice(0, 1),
    backend: cores.length > 2 ? cores.slice(1, 2) : cores.slice(0, 1),
  };
}
