/** The way in: a configuration becomes a proxy. */
import { assertSupportedNode } from "../base/version.ts";
import type { Config, ConfigInput } from "../config/schema.ts";
import { Proxy, type ProxyOptions } from "./proxy.ts";

export { Proxy, type ProxyAddress, type ProxyOptions } from "./proxy.ts";

/**
 * Makes a proxy from a configuration as a program writes it. It does nothing until `listen`.
 * Unless `workers` says otherwise it runs in the caller's thread.
 * @throws ConfigError with every problem; Error on a Node.js that is too old
 */
export async function createProxy(input: ConfigInput, options: ProxyOptions = {}): Promise<Proxy> {
  assertSupportedNode(process.versions.node);
  const { parseConfig } = await import("../config/parse-config.ts");
  return new Proxy(parseConfig(input, 0), options);
}

/** Makes a proxy from a configuration in normal form, as the loader gives it. */
export function createProxyFromConfig(config: Config, options: ProxyOptions = {}): Proxy {
  return new Proxy(config, options);
}
