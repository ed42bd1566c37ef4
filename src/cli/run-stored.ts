/** `millrace run etcd://…` and `consul://…`: a proxy by a configuration that is followed in a store. */
import { systemScheduler } from "../base/scheduler.ts";
import { stateFolder } from "../base/state-folder.ts";
import { ConfigCopy } from "../config/store/config-copy.ts";
import { instanceName } from "../config/store/instance-status.ts";
import { openConfigStore } from "../config/store/open-config-store.ts";
import { StoredConfig } from "../config/store/stored-config.ts";
import type { StorePlace } from "../config/store/store-place.ts";
import { CommandFailure } from "./failure.ts";
import type { RunRequest } from "./plain-run.ts";
import { serve } from "./serve.ts";

/** How long a start waits for the store. */
const defaultStartMs = 10_000;

/** Runs the proxy. Returns once it is ready. */
export async function runStored(place: StorePlace, request: RunRequest): Promise<void> {
  const store = await openConfigStore(place, { keepsProcess: false }).catch((error: unknown) => {
    throw new CommandFailure(`${place.name}: ${error instanceof Error ? error.message : String(error)}.`);
  });
  const stored = new StoredConfig({
    store,
    copy: request.isCopied === false ? null : new ConfigCopy(stateFolder(process.env, "config"), place.name),
    scheduler: systemScheduler,
    instance: instanceName(),
    environment: process.env,
    folder: process.cwd(),
    startMs: request.storeTimeoutMs ?? defaultStartMs,
  });
  try {
    await serve({
      load: (_onFileRead, cause) => (cause === "start" ? stored.start() : stored.load(cause !== "store")),
      file: place.name,
      isWatched: request.isWatched,
      source: stored,
      onClosed: () => stored.close(),
    });
  } catch (error) {
    await stored.close();
    throw error;
  }
}
