import { SharedMemory } from "../../base/shared-memory.ts";
import { testCacheStore } from "../testing/conformance.ts";
import { LocalBells } from "./testing/local-bells.ts";
import { MemoryControl, openMemoryRegion } from "./memory-control.ts";
import { MemoryStore } from "./memory-store.ts";

testCacheStore("memory", ({ purges, clock, maxObjectBytes }) => {
  const memory = new SharedMemory();
  const place = { name: "memory", maxBytes: 4_194_304 };
  const bells = new LocalBells();
  MemoryControl.reserve(memory, place, { stripes: 2, clock, ring: (mask) => bells.ring(mask) });
  const [store, other] = [0, 1].map(
    (stripeIndex) =>
      new MemoryStore(openMemoryRegion(memory, place, 2), {
        stripeIndex,
        clock,
        purges,
        maxObjectBytes,
        bells: bells.of(stripeIndex),
      }),
  );
  return {
    store: store!,
    other: other!,
    close: () => {
      store!.close();
      other!.close();
    },
  };
});
