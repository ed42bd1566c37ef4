/**
 * A scene of operation: not an endpoint but what surrounds the proxy misbehaves (who reads its log, its name server,
 * its descriptors, its clients).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../outcome.ts";
import { SteadyLoad } from "../steady-load.ts";
import type { Contestant, ContestantName } from "./contestants.ts";

/** What a scene came to, for one proxy. */
export interface SceneResult {
  readonly requests: number;
  readonly errors: Readonly<Record<string, number>>;
  /** 99th percentile in milliseconds; null if there was no request. */
  readonly p99: number | null;
  /** What else was seen, in words. */
  readonly seen: string;
  readonly isKept: boolean;
}

/** A scene. */
export interface Scene {
  readonly name: string;
  readonly title: string;
  /** What Millrace promises; the others are held against it, too. */
  readonly promise: string;
  /** Those that have the feature at all. */
  readonly players: readonly ContestantName[];
  play(name: ContestantName): Promise<SceneResult>;
}

/** What became of a load. */
export interface LoadResult {
  readonly requests: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  readonly p99: number | null;
}

const patienceMs = 1_000;

/** Runs `during` while requests come at a steady rate. */
export async function underLoad(
  port: number,
  ratePerSecond: number,
  during: () => Promise<void>,
  maxSockets?: number,
): Promise<LoadResult> {
  const load = new SteadyLoad(port, ratePerSecond, maxSockets);
  let unanswered = 0;
  try {
    await during();
    await sleep(patienceMs); // Requests under way may end.
    unanswered = load.waitingLongerThan(patienceMs);
  } finally {
    load.stop();
  }
  const errors: Record<string, number> = {};
  for (const { kind } of load.records) if (kind !== "ok") errors[kind] = (errors[kind] ?? 0) + 1;
  if (unanswered > 0) errors["unanswered"] = unanswered;
  const errorCount = Object.values(errors).reduce((sum, count) => sum + count, 0);
  return {
    requests: load.records.length + unanswered,
    errors,
    errorCount,
    p99: percentile(
      load.records.map(({ durationMs }) => durationMs),
      0.99,
    ),
  };
}

/** Whether the process lives. */
export function isAlive({ process: { child } }: Contestant): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** What a scene says of a proxy that did not come to listen. */
export function noStart(error: unknown): SceneResult {
  return {
    requests: 0,
    errors: {},
    p99: null,
    seen: `does not start: ${error instanceof Error ? error.message : String(error)}`,
    isKept: false,
  };
}
