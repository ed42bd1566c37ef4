/** The typed way to write a configuration file in TypeScript or JavaScript. Loads nothing. */
import type { ConfigInput } from "./config-input.ts";

/**
 * Gives back `config` as it is; an editor completes and checks it. For the default export of `millrace.config.ts`.
 *
 * @example
 * ```ts
 * import { defineConfig } from "millrace";
 *
 * export default defineConfig({
 *   listeners: [{ address: ":8080" }],
 *   upstreams: { app: { endpoints: ["http://localhost:3001", "http://localhost:3002"] } },
 *   routes: [{ upstream: "app" }],
 * });
 * ```
 */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
