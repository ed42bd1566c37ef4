/** The shape of `bench/results/latest.json`. */
import type { MachineFacts } from "./machine.ts";

/** One round of load on one proxy. */
export interface LoadRound {
  requests: number;
  requestsPerSecond: number;
  /** Processor time of the proxy per request, in microseconds. */
  cpuUs: number;
  userUs: number;
  kernelUs: number;
  p50Us: number;
  p99Us: number;
  /** Share of one core that the proxy kept busy, 0 to 1 (more with several threads). */
  busy: number;
}

/** All rounds of one proxy in one scenario. */
export interface LoadResult {
  rounds: LoadRound[];
  /** Memory after the rounds, in bytes (proportional set size). */
  memoryBytes: number;
}

/** Values of repeated single measurements. */
export interface Samples {
  values: number[];
}

/** Resident memory of Millrace with proxy threads, in bytes. */
export interface MemoryResult {
  /** With one proxy thread, before any request. */
  idleBytes: number;
  /** What each further proxy thread adds to it. */
  furtherThreadBytes: number;
  /** With one proxy thread, at the end of the load. */
  loadedBytes: number;
  /** 30 s later. */
  restedBytes: number;
}

/** By the name of the proxy. */
export type ByPeer<T> = Record<string, T>;

/** One target of the project and what was measured. */
export interface Verdict {
  target: string;
  measured: number;
  limit: number;
  unit: string;
  pass: boolean;
}

export interface BenchResults {
  date: string;
  machine: MachineFacts;
  versions: Record<string, string>;
  titles: Record<string, string>;
  settings: { rounds: number; seconds: number };
  /** Share of the machine's processor time that programs outside the benchmark took meanwhile, 0 to 1. */
  foreignShare: number;
  load: Record<string, ByPeer<LoadResult>>;
  /** Bytes per idle keep-alive connection. */
  idle: ByPeer<Samples>;
  /** The same with TLS; absent in results of before. */
  idleTls?: ByPeer<Samples>;
  /** Milliseconds from the start of the process to the first proxied answer. */
  startup: ByPeer<Samples>;
  memory: MemoryResult | null;
  /** Milliseconds to the first answer without a compile cache. */
  coldStartup: Samples | null;
  /** Microseconds per look-up among 10,000 routes. */
  routeLookup: Samples | null;
  verdicts: Verdict[];
  /** What could not be measured. */
  failures: { scenario: string; peer: string }[];
}
