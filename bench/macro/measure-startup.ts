/** Measures the time from starting a proxy to its first proxied answer. */
import type { Backend } from "./backend.ts";
import { fetchOnce } from "./loopback.ts";
import type { CorePlan } from "./machine.ts";
import { type Peer, startPeer } from "./peers/peer.ts";
import { measureRounds, type Rounds } from "./measure-rounds.ts";
import type { ByPeer, Samples } from "./results.ts";

/** Milliseconds to the first answer, by peer; rounds are interleaved and every one is a fresh process. */
export function measureStartup(rounds: Rounds, backend: Backend, plan: CorePlan): Promise<ByPeer<Samples>> {
  return measureRounds(rounds, (peer) => measureOnce(peer, backend, plan));
}

async function measureOnce(peer: Peer, backend: Backend, plan: CorePlan): Promise<number> {
  const running = await startPeer(peer, backend.port, { cores: plan.proxy });
  try {
    const started = performance.now();
    const response = await fetchOnce(running.port, { path: "/small" });
    if (response.status !== 200) throw new Error(`${peer.name} answered its first request with ${response.status}`);
    return running.acceptedAfterMs + (performance.now() - started);
  } finally {
    await running.process.stop();
  }
}
