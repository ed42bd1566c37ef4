import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCacheStore } from "../testing/conformance.ts";
import { openDisk, settled } from "./testing/open-disk.ts";

testCacheStore("a folder on a disk", async ({ purges, clock, maxObjectBytes }) => {
  const path = await mkdtemp(join(tmpdir(), "millrace-disk-"));
  const nowMs = (): number => clock.nowMs();
  const disk = await openDisk({ path, maxObjectBytes, keeper: { purges, nowMs } });
  const store = disk.store({ purges, nowMs });
  const other = disk.store({ purges, nowMs, stripeIndex: 1 });
  return {
    store,
    other,
    async settle() {
      for (const window of [store, other]) await settled(window);
    },
    async close() {
      await disk.close();
      await rm(path, { recursive: true, force: true });
    },
  };
});
