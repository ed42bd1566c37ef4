/** Varnish with answers in memory, and the settings of its package for workers. It has threads, and no fewer than two pools. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

/** How much it may keep. */
export interface VarnishOptions {
  readonly maxBytes: number;
}

/** Varnish that keeps up to `maxBytes`. */
export function varnishPeer({ maxBytes }: VarnishOptions): Peer {
  return {
    name: "varnish",
    title: "Varnish",
    isOurs: false,
    version: () => commandOutput(findCommand("varnishd"), ["-V"], /varnish-(\S+)/),
    async prepare({ listenPort, backendPort, folder }) {
      const file = join(folder, "default.vcl");
      writeFileSync(
        file,
        `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${backendPort}"; }
sub vcl_recv { set req.http.X-Forwarded-Proto = "http"; }
`,
      );
      const places = ["-a", `127.0.0.1:${listenPort}`, "-f", file, "-n", join(folder, "work")];
      const limits = ["-s", `malloc,${maxBytes}`, "-p", "thread_pools=1", "-p", "thread_pool_min=64"];
      // Its log in shared memory is always written; nobody reads it.
      return { command: [findCommand("varnishd") ?? "varnishd", "-j", "none", "-F", ...places, ...limits] };
    },
  };
}
