/** Opens a thread's window on a folder of answers. */
import { systemScheduler } from "../../base/scheduler.ts";
import { families } from "../../observe/families.ts";
import type { DiskStoreOptions } from "../../store/options.ts";
import type { CacheHost } from "../cache-host.ts";
import type { CacheParts } from "../cache-parts.ts";
import type { DiskTrouble } from "./disk-host.ts";
import { diskRegions } from "./disk-regions.ts";
import { DiskStore } from "./disk-store.ts";

/** What is opened. */
export interface DiskStorePlace {
  readonly name: string;
  readonly options: DiskStoreOptions;
  readonly maxObjectBytes: number;
}

/** What a failure is counted as. */
const refused = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE"]);

const messages: Record<DiskTrouble, string> = {
  open: "a file of a cache's store cannot be opened",
  read: "a file of a cache's store cannot be read",
  write: "an answer cannot be written to a cache's store",
  rename: "an answer cannot be put in its place in a cache's store",
  unlink: "a file of a cache's store cannot be deleted",
  checksum: "a file of a cache's store was damaged, and is deleted",
  hang: "the disk of a cache's store does not answer in time",
};

/** @param host the thread's @param parts what its caches share */
export function openDiskStore(
  place: DiskStorePlace,
  host: Pick<CacheHost, "memory" | "stripeIndex" | "stripes" | "metrics" | "warnings">,
  parts: Pick<CacheParts, "clock" | "purges" | "doorbells">,
): DiskStore {
  const { name, options, maxObjectBytes } = place;
  const { memory, stripeIndex, stripes, metrics, warnings } = host;
  const subject = `store ${name}`;
  let isInTrouble = false;
  return new DiskStore({
    ...options,
    maxObjectBytes,
    regions: diskRegions(memory, { name, ...options }, stripes),
    stripeIndex,
    stripes,
    doorbells: parts.doorbells,
    purges: parts.purges,
    scheduler: systemScheduler,
    nowMs: () => parts.clock.nowMs(),
    report(trouble, error) {
      isInTrouble = true;
      metrics.counter(families.cacheStoreErrors, [name, resultOf(trouble, error)]).add();
      warnings.warn({
        subject,
        reason: error?.code ?? trouble,
        message: messages[trouble],
        fields: { store: name, path: options.path, ...(error !== null && { error: error.message }) },
      });
    },
    onWorking() {
      if (!isInTrouble) return;
      isInTrouble = false;
      warnings.recover(subject, "a cache's store works again", { store: name, path: options.path });
    },
  });
}

function resultOf(trouble: DiskTrouble, error: NodeJS.ErrnoException | null): string {
  if (trouble === "hang") return "timeout";
  if (trouble === "checksum") return "torn";
  return refused.has(error?.code ?? "") ? "refused" : "error";
}
