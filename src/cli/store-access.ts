/** How commands that end by themselves use a store: one question, one answer, or a sentence about why not. */
import { loadConfigText } from "../config/config-loader.ts";
import type { Config } from "../config/schema.ts";
import { type ConfigStore, maxStoredBytes } from "../config/store/config-store.ts";
import { openConfigStore } from "../config/store/open-config-store.ts";
import { withoutStoreSecrets } from "../config/store/stored-config.ts";
import type { StorePlace } from "../config/store/store-place.ts";
import { RemoteError } from "../remote/http-client.ts";
import { CommandFailure } from "./failure.ts";

/**
 * Calls `use` with the store, and closes it afterwards.
 * @throws CommandFailure if the store cannot be asked, and what `use` throws
 */
export async function withStore<Result>(
  place: StorePlace,
  use: (store: ConfigStore) => Promise<Result>,
): Promise<Result> {
  // Pauses between questions do not keep the process.
  const stay = setInterval(() => {}, 60_000);
  let store: ConfigStore | null = null;
  try {
    store = await openConfigStore(place, { keepsProcess: true });
    return await use(store);
  } catch (error) {
    if (error instanceof RemoteError || store === null)
      throw new CommandFailure(
        `${place.name} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      );
    throw error;
  } finally {
    store?.close();
    clearInterval(stay);
  }
}

/** Reads and validates what the store holds. @throws ConfigError or CommandFailure */
export async function loadStored(place: StorePlace): Promise<Config> {
  const found = await withStore(place, (store) => store.read());
  if (found === null) throw new CommandFailure(`There is no key ${place.key} in ${place.name}.`);
  return validateStored(found.text, place.name);
}

/** Validates a text as instances do that find it in a store. @throws ConfigError; problems call it `name` */
export function validateStored(text: string, name: string, isJson = false): Promise<Config> {
  return loadConfigText(
    { text, name, isJson, folder: process.cwd(), maxBytes: maxStoredBytes },
    { environment: withoutStoreSecrets(process.env) },
  );
}
