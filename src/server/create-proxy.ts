/** The way in for programs: a configuration becomes a proxy. */
import { assertSupportedNode } from "../base/version.ts";
import type { ConfigInput } from "../config/config-input.ts";
import type { Proxy, ProxyOptions } from "./proxy.ts";

/**
 * Makes a proxy from a configuration as a program writes it. It does nothing until `listen`.
 * Unless `workers` says otherwise it runs in the caller's thread.
 * @throws ConfigError with every problem; Error on a Node.js that is too old
 *
 * @example
 * ```ts
 * import { createProxy } from "millrace";
 *
 * const proxy = await createProxy({
 *   listeners: [{ address: ":8080" }],
 *   upstreams: { app: { endpoints: ["http://localhost:3001", "http://localhost:3002"] } },
 *   routes: [{ upstream: "app" }],
 * });
 * await proxy.listen();
 * ```
 */
export async function createProxy(input: ConfigInput, options: ProxyOptions = {}): Promise<Proxy> {
  assertSupportedNode(process.versions.node);
  const [{ parseConfig }, { ControlledProxy }] = await Promise.all([
    import("../config/parse-config.ts"),
    import("./controlled-proxy.ts"),
  ]);
  return new ControlledProxy(parseConfig(input, 0), options);
}
