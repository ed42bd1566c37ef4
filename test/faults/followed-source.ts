/** A source of endpoints as a test follows it, in time that the test winds forward. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { seededRandom } from "../../src/base/random.ts";
import { ManualScheduler } from "../../src/base/scheduler.ts";
import type { LogFields, Logger } from "../../src/observe/logger.ts";
import type { Discovery, DiscoverySnapshot } from "../../src/upstream/discovery/discovery.ts";
import { findDiscoveryKind } from "../../src/upstream/discovery/kinds.ts";
import { discoverySchema } from "../../src/upstream/discovery/options.ts";
import { eventually, loopTurns } from "../support/signal.ts";

/** Time passes in such steps. */
export const stepMs = 250;

/** A discovery that is followed by a test, in time that stands still. */
export async function follow(context: TestContext, section: Record<string, unknown>) {
  const scheduler = new ManualScheduler();
  const random = seededRandom(11);
  const said: string[] = [];
  const log = (message: string, fields: LogFields = {}): void => void said.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const kind = findDiscoveryKind(discoverySchema.parse(section));
  said.push(kind.description);
  const discovery: Discovery = await kind.create({
    upstream: "api",
    scheduler,
    random,
    lookup: () => assert.fail("addresses need no look-up"),
    logger,
  });
  context.after(() => discovery.close());
  /** Every list since `lists` was emptied. */
  const lists: string[] = [];
  const state = { now: "", failures: 0 };
  let snapshot: DiscoverySnapshot | null = null;
  discovery.start({
    onSnapshot: (told) => {
      snapshot = told;
      const { endpoints, refused, version } = told;
      state.now = endpoints
        .map(({ host }) => host?.split(".")[3] ?? "")
        .toSorted((a, b) => Number(a) - Number(b))
        .join();
      lists.push(state.now);
      said.push(...refused, version ?? "");
    },
    onAlive: () => {},
    onFailure: (reason) => {
      state.failures++;
      said.push(reason);
    },
  });
  /** Lets time pass, and the event loop turn meanwhile. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      scheduler.advance(stepMs);
      await loopTurns(12);
    }
  };
  /** Lets time pass until it is so. */
  const until = (isSo: () => boolean, what: string | (() => string)): Promise<void> =>
    eventually(async () => {
      await pass(stepMs);
      return isSo();
    }, what);
  const becomes = (list: string): Promise<void> =>
    until(
      () => state.now === list,
      () => `the list is ${list}; it is ${state.now}`,
    );
  const latest = (): DiscoverySnapshot | null => snapshot;
  return { scheduler, discovery, lists, said, state, latest, pass, until, becomes };
}

/** Waits until neither timers nor sockets are left. */
export function assertNothingLeft(scheduler: ManualScheduler): Promise<void> {
  const left = (): string[] =>
    process.getActiveResourcesInfo().filter((one) => /^(?:TCP|UDP|Pipe)Server|^TCP|^UDP/.test(one));
  return eventually(
    () => scheduler.pendingCount === 0 && left().length === 0,
    () => `nothing is left: ${scheduler.pendingCount} timers, ${left().join()}`,
  );
}
