/** Which configuration a command means. */
import { defaultConfigFiles, findConfigFile } from "../config/config-file.ts";
import { hideUrlPasswords } from "../config/hidden-secrets.ts";
import type { Config } from "../config/schema.ts";
import { isStoreUrl, parseStorePlace, type StorePlace } from "../config/store/store-place.ts";
import { CommandFailure } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";

/** Where a configuration is, and what people call it. */
export type ConfigOrigin =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "store"; readonly name: string; readonly place: StorePlace };

/** One slash too few is no name of a file: that would be shown, with the password that may be in it. */
const meansUrl = /^(?:[a-z][a-z\d+.-]+:\/\/|(?:etcd|consul)s?:)/i;

/**
 * What was `given`: a file (it may not exist) or the URL of a store; or the file in the current folder.
 * @throws CommandFailure when there is none, or a URL names no store
 */
export async function resolveConfig(given: string | undefined): Promise<ConfigOrigin> {
  if (given !== undefined && meansUrl.test(given)) {
    const place = toStorePlace(given);
    return { kind: "store", name: place.name, place };
  }
  const name = given ?? (await findConfigFile());
  if (name !== null) return { kind: "file", name };
  const names = `${defaultConfigFiles.slice(0, -1).join(", ")} or ${defaultConfigFiles.at(-1)}`;
  throw new CommandFailure(
    `There is no configuration in this folder: no ${names}.\nName the file, or look around first with \`millrace demo\`.`,
  );
}

/** Reads the URL of a store. @throws CommandFailure, without the secrets that the URL may hold */
export function toStorePlace(url: string): StorePlace {
  if (/^(?:etcd|consul)s?:(?!\/\/)/i.test(url))
    throw new CommandFailure('The URL of a store begins with "etcd://" or "consul://", with two slashes.', 2);
  if (!isStoreUrl(url))
    throw new CommandFailure(`"${hideUrlPasswords(url)}" is not the URL of a store: etcd:// or consul://.`, 2);
  try {
    return parseStorePlace(url, process.env);
  } catch (error) {
    throw error instanceof RangeError ? new CommandFailure(`This names no store: ${error.message}.`, 2) : error;
  }
}

/** Reads a configuration once, wherever it is. @throws CommandFailure with every problem */
export async function loadResolved(origin: ConfigOrigin): Promise<Config> {
  try {
    if (origin.kind === "file") {
      const { loadConfig } = await import("../config/config-loader.ts");
      return await loadConfig(origin.name);
    }
    const { loadStored } = await import("./store-access.ts");
    return await loadStored(origin.place);
  } catch (error) {
    throw await toCommandFailure(error);
  }
}
