/** Measures the time from starting a proxy to its first proxied answer. */
import type { Backend } from "./backend.ts";
import { fetchOnce } from "./loopback.ts";
import type { CorePlan } from "./machine.ts";
import { type Peer, startPeer } from "./peers/peer.ts";
import type { ByPeer, Samples } from "./results.ts";

/** Milliseconds to the first answer, by peer; rounds are interleaved and every one is a fresh process. */
export async function measureStartup(
  peers: readonly Peer[],
  backend: Backend,
  plan: CorePlan,
  rounds: number,
  onFailure: (peer: string, error: Error) => void,
): Promise<ByPeer<Samples>> {
  const results: ByPeer<Samples> = Object.fromEntries(peers.map((peer) => [peer.name, { values: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      try {
        results[peer.name]?.values.push(await measureOnce(peer, backend, plan));
      } catch (error) {
        onFailure(peer.name, error as Error);
      }
    }
  }
  return results;
}

async function measureOnce(peer: Peer, backend: Backend, plan: CorePlan): Promise<number> {
  const running = await startPeer(peer, backend.port, plan.proxy);
  try {
    const started = performance.now();
    const response = await fetchOnce(running.port, "/small");
    if (response.status !== 200) throw new Error(`${peer.name} answered its first request with ${response.status}`);
    return running.acceptedAfterMs + (performance.now() - started);
  } finally {
    await running.process.stop();
  }
}
