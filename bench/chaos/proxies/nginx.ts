/**
 * nginx, the open-source edition, with its best against failing endpoints: passive health (`max_fails`), retries on
 * another server for everything that may be retried, least connections, shared state. Active health checks, draining
 * and slow start are not in it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { untilAccepting } from "../../macro/loopback.ts";
import { nginxCommand, nginxHead, nginxTemporaryPaths } from "../../macro/nginx-head.ts";
import { commandOutput } from "../../macro/peers/command-output.ts";
import { makeFolder, startProcess } from "../../macro/workspace.ts";
import { type ChaosProxy, limits } from "./chaos-proxy.ts";

function configOf(folder: string, listenPort: number, endpointPorts: readonly number[]): string {
  return `${nginxHead({ folder, workers: 1, connections: 4_096, errorLevel: "warn" })}
http {
${nginxTemporaryPaths(folder)}
log_format attempts "$status $upstream_addr";
access_log ${folder}/access.log attempts;
keepalive_requests 1000000;
keepalive_timeout 120s;
upstream app {
  zone app 128k;
  least_conn;
${endpointPorts.map((port) => `  server 127.0.0.1:${port} max_fails=3 fail_timeout=5s;`).join("\n")}
  keepalive 64;
  keepalive_requests 1000000;
}
server {
  listen 127.0.0.1:${listenPort} backlog=1024;
  location / {
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_connect_timeout ${limits.connect}ms;
    proxy_read_timeout ${limits.firstByte}ms;
    proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504;
    proxy_next_upstream_tries 3;
    proxy_next_upstream_timeout 5s;
  }
}
}
`;
}

export const nginx: ChaosProxy = {
  name: "nginx",
  title: "nginx",
  version: () => commandOutput(findCommand("nginx"), ["-v"], /nginx\/(\S+)/),
  async start(listenPort, endpointPorts) {
    const folder = makeFolder("nginx");
    const file = join(folder, "nginx.conf");
    const write = (ports: readonly number[]): void => writeFileSync(file, configOf(folder, listenPort, ports));
    write(endpointPorts);
    const running = startProcess(nginxCommand(folder, file));
    await untilAccepting(listenPort, 10_000, () => running.child.exitCode !== null);
    return {
      reload(ports) {
        write(ports);
        // The process that was started is the master: setpriv and taskset put it in their own place.
        process.kill(running.pid, "SIGHUP");
        return Promise.resolve();
      },
      counts() {
        let attempts = 0;
        let requests = 0;
        for (const line of readFileSync(join(folder, "access.log"), "latin1").split("\n")) {
          const tries = line.split("127.0.0.1:").length - 1;
          attempts += tries;
          if (tries > 0) requests++;
        }
        const takenOut =
          readFileSync(join(folder, "error.log"), "latin1").split("upstream server temporarily disabled").length - 1;
        return Promise.resolve({ attempts, retries: attempts - requests, takenOut });
      },
      stop: () => running.stop(),
    };
  },
};
