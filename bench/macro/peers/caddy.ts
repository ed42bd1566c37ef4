/** Caddy, plain HTTP, with a pool large enough for every client. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

/** Forwards everything. */
export const caddy = caddyPeer({ name: "caddy", title: "Caddy", directives: "" });

/** Compresses at its default levels. */
export const caddyEncode = caddyPeer({
  name: "caddy-encode",
  title: "Caddy, encode",
  directives: "encode zstd gzip",
});

/** @param variant what differs between the measured configurations: lines of the site */
function caddyPeer({ name, title, directives }: { name: string; title: string; directives: string }): Peer {
  return {
    name,
    title,
    isOurs: false,
    version: () => commandOutput(findCommand("caddy"), ["version"], /v?(\d+\.\d+\.\d+)/),
    async prepare({ listenPort, backendPort, folder, threads }) {
      const file = join(folder, "Caddyfile");
      writeFileSync(
        file,
        `{
	admin off
	auto_https off
}
http://:${listenPort} {
	bind 127.0.0.1
	${directives}
	reverse_proxy 127.0.0.1:${backendPort} {
		transport http {
			keepalive 300s
			keepalive_idle_conns 1024
			keepalive_idle_conns_per_host 1024
			compression off
		}
	}
}
`,
      );
      return {
        command: [findCommand("caddy") ?? "caddy", "run", "--config", file, "--adapter", "caddyfile"],
        env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, GOMAXPROCS: String(threads) },
      };
    },
  };
}
