/** From what a program hands over to a configuration in normal form. */
import type { ConfigInput } from "../config/config-input.ts";
import type { Config } from "../config/schema.ts";

/**
 * `next` in normal form: taken as it is if it has that form, else validated first, which loads the schema library.
 * @param workers the threads there are, which stay unless `next` says otherwise
 * @throws ConfigError if it is not valid
 */
export async function toConfig(next: ConfigInput | Config, workers: Config["workers"]): Promise<Config> {
  if (isNormalForm(next)) return next;
  const { parseConfig } = await import("../config/parse-config.ts");
  return parseConfig(next, workers);
}

function isNormalForm(next: ConfigInput | Config): next is Config {
  // What a program hands over may be anything.
  const listener: unknown = (next as Partial<Config> | null)?.listeners?.[0];
  const address = typeof listener === "object" && listener !== null && "address" in listener ? listener.address : null;
  return typeof address === "object" && address !== null && "kind" in address;
}
