/** Measures that take one value of each peer in every round, so that a slow moment of the machine is nobody's alone. */
import type { Peer } from "./peers/peer.ts";
import type { ByPeer, Samples } from "./results.ts";

/** What such a measure needs. */
export interface Rounds {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  /** A peer that fails in a round has no value of that round. */
  readonly onFailure: (peer: string, error: Error) => void;
}

/** The values of `measure`, by peer. */
export async function measureRounds(
  { peers, rounds, onFailure }: Rounds,
  measure: (peer: Peer) => Promise<number>,
): Promise<ByPeer<Samples>> {
  const results: ByPeer<Samples> = Object.fromEntries(peers.map((peer) => [peer.name, { values: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      try {
        results[peer.name]?.values.push(await measure(peer));
      } catch (error) {
        onFailure(peer.name, error as Error);
      }
    }
  }
  return results;
}
