/** Opens the control thread's part of a folder of answers. */
import { systemClock } from "../../base/clock.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import type { DiskStoreOptions } from "../../store/options.ts";
import { PurgeLog } from "../purge/purge-log.ts";
import type { StoreControlHost } from "../store-control.ts";
import { DiskKeeper } from "./disk-keeper.ts";
import { diskRegions } from "./disk-regions.ts";

/** Does not wait for the folder: until it is open, and while it cannot be, the store finds nothing and keeps nothing. */
export function openDiskControl(
  { name, options }: { readonly name: string; readonly options: DiskStoreOptions },
  { memory, stripes, warnings }: Pick<StoreControlHost, "memory" | "stripes" | "warnings">,
): DiskKeeper {
  const { path, maxBytes } = options;
  const clock = SteadyClock.open(memory, systemClock);
  const subject = `folder of the store ${name}`;
  const keeper = new DiskKeeper({
    name,
    path,
    maxBytes,
    regions: diskRegions(memory, { name, path, maxBytes }, stripes),
    stripes,
    purges: PurgeLog.open(memory),
    nowMs: () => clock.nowMs(),
    onTrouble: (reason, error) =>
      warnings.warn({
        subject,
        reason: error?.code ?? "folder",
        message: "the folder of a cache's store cannot be used; until it can, nothing is found there or kept",
        fields: { store: name, path, error: reason },
      }),
    onOpen: () => warnings.recover(subject, "the folder of a cache's store is open", { store: name, path }),
  });
  keeper.open();
  return keeper;
}
