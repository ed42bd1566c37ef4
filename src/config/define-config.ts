/** The typed way to write a configuration file in TypeScript or JavaScript. Loads nothing. */
import type { ConfigInput } from "./schema.ts";

/** Gives back `config` as it is; an editor completes and checks it. For the default export of `millrace.config.ts`. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
