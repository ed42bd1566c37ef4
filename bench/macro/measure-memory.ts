/**
 * Measures what Millrace with proxy threads keeps in memory: after its start, under full load with the access log, and
 * when the load is over. Resident memory is measured: what it shares with this benchmark's own Node.js counts in full.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Backend } from "./backend.ts";
import type { CorePlan } from "./machine.ts";
import { type Peer, startPeer } from "./peers/peer.ts";
import { residentBytes } from "./process-usage.ts";
import type { MemoryResult } from "./results.ts";
import { runLoad } from "./wrk.ts";

/** A thread that has become quiet gives memory back within a few seconds. */
const settleMs = 8_000;
const restMs = 30_000;
const moreThreads = 2;

/**
 * Measures `peer`, which is started with one thread, and then with two more.
 * @param loadSeconds how long it is loaded; the targets are about a minute
 */
export async function measureMemory(
  peer: Peer,
  backend: Backend,
  plan: CorePlan,
  loadSeconds: number,
): Promise<MemoryResult> {
  const one = await startPeer(peer, backend.port, { cores: plan.proxy });
  try {
    const { pid } = one.process;
    await sleep(settleMs);
    const idleBytes = residentBytes(pid);
    const load = {
      method: "GET",
      path: "/small",
      bodyBytes: 0,
      newConnections: false,
      connections: 64,
      tls: "none",
    } as const;
    const { errors } = await runLoad(one.port, load, loadSeconds, plan.load);
    if (errors > 0) throw new Error(`${errors} errors under load`);
    const loadedBytes = residentBytes(pid);
    await sleep(restMs);
    const restedBytes = residentBytes(pid);
    await one.process.stop();
    const furtherThreadBytes = ((await measureIdle(peer, backend, plan)) - idleBytes) / moreThreads;
    return { idleBytes, furtherThreadBytes, loadedBytes, restedBytes };
  } finally {
    await one.process.stop();
  }
}

async function measureIdle(peer: Peer, backend: Backend, plan: CorePlan): Promise<number> {
  const running = await startPeer(peer, backend.port, { cores: plan.proxyTwo, threads: 1 + moreThreads });
  try {
    await sleep(settleMs);
    return residentBytes(running.process.pid);
  } finally {
    await running.process.stop();
  }
}
