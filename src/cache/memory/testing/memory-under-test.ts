/** A memory store with its windows in one thread, for tests. */
import { SharedMemory } from "../../../base/shared-memory.ts";
import { ManualClock } from "../../../base/clock.ts";
import { SteadyClock } from "../../../base/steady-clock.ts";
import { PurgeLog } from "../../purge/purge-log.ts";
import { MemoryControl, openMemoryRegion } from "../memory-control.ts";
import type { MemoryViews } from "../memory-layout.ts";
import { MemoryStore } from "../memory-store.ts";
import { LocalBells } from "./local-bells.ts";

/** What is made. */
export interface MemoryUnderTest {
  readonly views: MemoryViews;
  readonly control: MemoryControl;
  readonly clock: ManualClock;
  readonly purges: PurgeLog;
  readonly bells: LocalBells;
  /** One window a thread. */
  readonly stores: readonly MemoryStore[];
  /** Another window of a thread. */
  open(stripeIndex: number): MemoryStore;
}

/** Makes a store. */
export function createMemoryUnderTest({
  maxBytes = 1_048_576,
  maxObjectBytes = 1_048_576,
  stripes = 2,
}: {
  maxBytes?: number;
  maxObjectBytes?: number;
  stripes?: number;
} = {}): MemoryUnderTest {
  const memory = new SharedMemory();
  const manual = new ManualClock();
  const clock = SteadyClock.from(manual);
  const bells = new LocalBells();
  PurgeLog.reserve(memory);
  const purges = PurgeLog.open(memory);
  const views = openMemoryRegion(memory, { name: "memory", maxBytes }, stripes);
  const control = new MemoryControl("memory", views, clock);
  const open = (stripeIndex: number): MemoryStore =>
    new MemoryStore(views, { stripeIndex, clock, purges, maxObjectBytes, bells: bells.of(stripeIndex) });
  return {
    views,
    control,
    clock: manual,
    purges,
    bells,
    stores: Array.from({ length: stripes }, (_, stripeIndex) => open(stripeIndex)),
    open,
  };
}
