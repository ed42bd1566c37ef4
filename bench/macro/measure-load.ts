/** Measures load scenarios: check first, warm up, then interleaved rounds (A B C A B C …). */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { fetchOnce } from "./loopback.ts";
import type { CorePlan } from "./machine.ts";
import type { Backend } from "./backend.ts";
import { type Peer, type RunningPeer, startPeer } from "./peers/peer.ts";
import { cpuTime, cpuTimeBetween, ForeignLoad, memoryBytes } from "./process-usage.ts";
import type { ByPeer, LoadResult, LoadRound } from "./results.ts";
import type { LoadScenario } from "./scenarios.ts";
import { tlsFiles } from "./tls-files.ts";
import { runLoad } from "./wrk.ts";

export interface LoadSettings {
  rounds: number;
  seconds: number;
  warmUpSeconds: number;
  /** How often a round that other programs disturbed is repeated. */
  repeats: number;
}

/** Share of the machine that other programs may take in a round before it counts as disturbed. */
const disturbedAbove = 0.1;

/** Throws unless the proxy answers as the backend does: status, every byte of the body, forwarding fields, uploads. */
export async function checkCorrect(running: RunningPeer, scenario: LoadScenario, backend: Backend): Promise<void> {
  const body = scenario.bodyBytes > 0 ? Buffer.alloc(scenario.bodyBytes, "x") : null;
  const { path, method, acceptEncoding } = scenario;
  const scheme = scenario.tls === "none" ? "http" : "https";
  const direct = await fetchOnce(backend.port, { path, method, body });
  const proxied = await fetchOnce(running.port, { path, method, body, scheme, acceptEncoding });
  const name = running.peer.name;
  if (direct.status !== 200 || direct.body.length !== scenario.responseBytes)
    throw new Error(`the backend itself answers ${scenario.path} wrongly`);
  if (proxied.status !== 200) throw new Error(`${name} answers ${scenario.path} with ${proxied.status}`);
  if (proxied.coding !== (acceptEncoding ?? null))
    throw new Error(`${name} answers ${path} in ${proxied.coding ?? "no coding"}, not in ${acceptEncoding ?? "none"}`);
  if (!decode(proxied.body, proxied.coding).equals(direct.body))
    throw new Error(`${name} changes the body of ${scenario.path} (${proxied.body.length} bytes)`);
  if (scenario.isUnread === true) return;
  const echo = (await fetchOnce(running.port, { path: "/echo", scheme })).body.toString();
  if (!echo.endsWith(` 127.0.0.1 ${scheme}`))
    throw new Error(`${name} does not forward X-Forwarded-For and X-Forwarded-Proto: "${echo}"`);
}

function decode(body: Buffer, coding: string | null): Buffer {
  if (coding === null) return body;
  return coding === "gzip" ? gunzipSync(body) : zstdDecompressSync(body);
}

/**
 * Runs one scenario on the given proxies. The result's keys are peer names, with `×2` for two threads. A proxy that
 * fails, at the start, in the check or under load, is reported through `onFailure` and left out; the others go on.
 */
export async function measureLoad(
  scenario: LoadScenario,
  peers: readonly Peer[],
  backend: Backend,
  plan: CorePlan,
  settings: LoadSettings,
  onFailure: (peer: string, error: Error) => void,
): Promise<ByPeer<LoadResult>> {
  const tls = scenario.tls === "none" ? null : await tlsFiles();
  const running = new Map<string, RunningPeer>();
  const results: ByPeer<LoadResult> = {};
  const attempt = async (key: string, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      onFailure(key, new Error(`${(error as Error).message}\n${running.get(key)?.process.output() ?? ""}`));
      await running.get(key)?.process.stop();
      running.delete(key);
      delete results[key];
    }
  };
  try {
    for (const peer of peers) {
      for (const threads of scenario.threads) {
        const key = threads > 1 ? `${peer.name}×${threads}` : peer.name;
        await attempt(key, async () => {
          const at = await startPeer(peer, backend.port, {
            cores: threads > 1 ? plan.proxyTwo : plan.proxy,
            threads,
            tls,
          });
          running.set(key, at);
          results[key] = { rounds: [], memoryBytes: 0 };
          await checkCorrect(at, scenario, backend);
        });
      }
    }
    for (const [key, at] of running) {
      await attempt(key, async () => {
        if (settings.warmUpSeconds > 0) await runLoad(at.port, scenario, settings.warmUpSeconds, plan.load);
      });
    }
    for (let round = 0; round < settings.rounds; round++) {
      for (const [key, at] of running) {
        await attempt(key, async () => {
          const measured = await measureQuietly(at, scenario, backend, plan, settings);
          results[key]?.rounds.push(measured);
        });
      }
    }
    for (const [key, at] of running) (results[key] as LoadResult).memoryBytes = memoryBytes(at.process.pid);
  } finally {
    await Promise.all([...running.values()].map((at) => at.process.stop()));
  }
  return results;
}

/** Of several tries the least disturbed one: chosen by what others did, never by its result. */
async function measureQuietly(
  at: RunningPeer,
  scenario: LoadScenario,
  backend: Backend,
  plan: CorePlan,
  settings: LoadSettings,
): Promise<LoadRound> {
  let best: LoadRound | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt <= settings.repeats && least > disturbedAbove; attempt++) {
    const foreign = new ForeignLoad([backend.pid, at.process.pid]);
    const round = await measureRound(at, scenario, plan, settings.seconds);
    const share = foreign.share();
    if (share < least) {
      least = share;
      best = round;
    }
  }
  return best as LoadRound;
}

async function measureRound(
  at: RunningPeer,
  scenario: LoadScenario,
  plan: CorePlan,
  seconds: number,
): Promise<LoadRound> {
  const before = cpuTime(at.process.pid);
  const report = await runLoad(at.port, scenario, seconds, plan.load);
  const spent = cpuTimeBetween(before, cpuTime(at.process.pid));
  if (report.errors > report.requests / 1000)
    throw new Error(`${at.peer.name}: ${report.errors} errors in ${report.requests} requests`);
  if (report.requests === 0) throw new Error(`${at.peer.name} answered nothing`);
  return {
    requests: report.requests,
    requestsPerSecond: report.requests / (report.durationUs / 1e6),
    cpuUs: spent.totalUs / report.requests,
    userUs: spent.userUs / report.requests,
    kernelUs: spent.kernelUs / report.requests,
    p50Us: report.p50Us,
    p99Us: report.p99Us,
    busy: spent.totalUs / report.durationUs,
  };
}
