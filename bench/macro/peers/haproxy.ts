/** HAProxy with one thread: with every server connection shared, and as a proxy of TCP. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

const head = (threads: number, mode: "http" | "tcp"): string => `global
  nbthread ${threads}
  maxconn 9000
defaults
  mode ${mode}
  maxconn 9000
  timeout connect 5s
  timeout client 300s
  timeout server 60s
`;

const version = (): Promise<string | null> => commandOutput(findCommand("haproxy"), ["-v"], /version (\d+\.\d+\.\d+)/);

export const haproxy: Peer = {
  name: "haproxy",
  title: "HAProxy",
  isOurs: false,
  version,
  async prepare({ listenPort, backendPort, folder, threads }) {
    const file = join(folder, "haproxy.cfg");
    writeFileSync(
      file,
      `${head(threads, "http")}  timeout http-keep-alive 300s
  option http-keep-alive
  http-reuse always
  option forwardfor
frontend front
  bind 127.0.0.1:${listenPort} backlog 8192
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend back
backend back
  server one 127.0.0.1:${backendPort} pool-max-conn -1 pool-purge-delay 60s
`,
    );
    return { command: [findCommand("haproxy") ?? "haproxy", "-db", "-f", file] };
  },
};

export const haproxyTcp: Peer = {
  name: "haproxy-tcp",
  title: "HAProxy, TCP",
  isOurs: false,
  version,
  async prepare({ listenPort, backendPort, folder, threads }) {
    const file = join(folder, "haproxy.cfg");
    writeFileSync(
      file,
      `${head(threads, "tcp")}frontend front
  bind 127.0.0.1:${listenPort} backlog 8192
  default_backend back
backend back
  server one 127.0.0.1:${backendPort}
`,
    );
    return { command: [findCommand("haproxy") ?? "haproxy", "-db", "-f", file] };
  },
};
