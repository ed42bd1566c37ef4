/**
 * Nanoseconds per pick of every balancer, on real shared memory, for pools of 3 and 100 endpoints and 2 threads'
 * stripes; beside them what counting an attempt costs. Run: node bench/micro/balancer.ts
 */
import { SharedMemory } from "../../src/base/shared-memory.ts";
import type { Candidate, PickHint } from "../../src/upstream/balancer/balancer.ts";
import { createBalancer } from "../../src/upstream/balancer/create-balancer.ts";
import { EndpointState } from "../../src/upstream/endpoint-state.ts";
import { describeBalance } from "../../src/upstream/balance-key.ts";
import { balanceNames, type BalanceOptions } from "../../src/upstream/balance-options.ts";
import { UpstreamState } from "../../src/upstream/upstream-state.ts";

const all: readonly BalanceOptions[] = [
  ...balanceNames,
  { ringHash: { key: "clientIp", balanceFactor: 0 } },
  { ringHash: { key: "clientIp", balanceFactor: 125 } },
  { maglev: { key: "clientIp" } },
];
const stripes = 2;

/** A candidate over shared memory: an endpoint without its transport. */
class SharedCandidate implements Candidate {
  readonly name: string;
  readonly weight: number;
  readonly priority = 0;
  readonly zone = null;
  readonly returnedMs = 0;
  readonly isWanted = true;
  readonly isOnlyEjected = false;
  readonly isAnswering = true;
  readonly state: EndpointState;

  constructor(name: string, weight: number, state: EndpointState) {
    this.name = name;
    this.weight = weight;
    this.state = state;
  }

  get isAvailable(): boolean {
    return this.state.isAdmitting;
  }

  get inFlight(): number {
    return this.state.inFlight;
  }

  expectedLatencyMs(nowMs: number): number {
    return this.state.latency.at(nowMs);
  }
}

/** Median of 5 rounds of about 50 ms, in nanoseconds per call. */
function measure(run: () => void): string {
  const rounds: number[] = [];
  let calls = 1_000;
  for (let round = -2; round < 5; ) {
    const start = performance.now();
    for (let call = 0; call < calls; call++) run();
    const ms = performance.now() - start;
    if (ms < 25) calls *= 2;
    else if (round++ >= 0) rounds.push((ms * 1e6) / calls);
  }
  return rounds.sort((one, other) => one - other)[2]!.toFixed(1);
}

function openPool(
  size: number,
  weightOf: (index: number) => number,
): { candidates: SharedCandidate[]; shared: UpstreamState } {
  const memory = new SharedMemory();
  const shared = UpstreamState.open(memory, "bench");
  const candidates = Array.from({ length: size }, (_, index) => {
    const name = `http://10.0.${index >> 8}.${index & 255}:8080`;
    const state = EndpointState.open(memory, {
      upstreamName: "bench",
      url: name,
      stripeIndex: 0,
      stripes,
      upstream: shared,
    });
    state.latency.observe(1 + (index % 3), 0);
    return new SharedCandidate(name, weightOf(index), state);
  });
  return { candidates, shared };
}

const keys = Array.from({ length: 1_024 }, (_, index) => `192.168.${index >> 8}.${index & 255}`);
const nameOf = (options: BalanceOptions): string =>
  describeBalance(options).replace(
    " by clientIp",
    typeof options === "object" && "ringHash" in options && options.ringHash.balanceFactor > 0 ? " bounded" : "",
  );
console.log(
  "balancer".padEnd(20),
  "3 equal".padStart(10),
  "3 weighted".padStart(12),
  "100 equal".padStart(12),
  "100 weighted".padStart(14),
  "  ns per pick",
);
for (const options of all) {
  const columns: string[] = [];
  for (const size of [3, 100]) {
    for (const weightOf of [() => 1, (index: number) => 1 + (index % 5)]) {
      const { candidates, shared } = openPool(size, weightOf);
      const balancer = createBalancer(options, candidates, { shared });
      const hint: { key: string | null; tried: readonly SharedCandidate[] } & PickHint<SharedCandidate> = {
        key: null,
        tried: [],
      };
      let at = 0;
      columns.push(
        measure(() => {
          hint.key = keys[at++ & 1_023]!;
          balancer.pick(hint);
        }),
      );
    }
  }
  console.log(
    nameOf(options).padEnd(20),
    columns[0]!.padStart(10),
    columns[1]!.padStart(12),
    columns[2]!.padStart(12),
    columns[3]!.padStart(14),
  );
}

const { state } = openPool(1, () => 1).candidates[0]!;
console.log(
  "\nenter and leave".padEnd(21),
  measure(() => {
    state.enter();
    state.leave();
  }).padStart(10),
  "ns",
);
console.log(`inFlight, ${stripes} stripes`.padEnd(20), measure(() => void state.inFlight).padStart(10), "ns");
