/** Caddy, plain HTTP, with a pool large enough for every client. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

export const caddy: Peer = {
  name: "caddy",
  title: "Caddy",
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
