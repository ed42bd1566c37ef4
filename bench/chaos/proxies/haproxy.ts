/**
 * HAProxy with its best against failing endpoints: active checks, observation of live traffic, retries on another
 * server for everything that may be retried, least connections.
 */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { untilAccepting } from "../../macro/loopback.ts";
import { commandOutput } from "../../macro/peers/command-output.ts";
import { makeFolder, startProcess } from "../../macro/workspace.ts";
import { type ChaosProxy, limits, type ProxyCounts } from "./chaos-proxy.ts";

function configOf(socket: string, listenPort: number, endpointPorts: readonly number[]): string {
  return `global
  nbthread 1
  maxconn 4000
  stats socket ${socket} mode 600 level admin expose-fd listeners
defaults
  mode http
  maxconn 4000
  timeout connect ${limits.connect}ms
  timeout client 120s
  timeout server ${limits.firstByte}ms
  timeout http-keep-alive 120s
  timeout check ${limits.healthTimeout}ms
  option http-keep-alive
  option forwardfor
  http-reuse always
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response junk-response response-timeout 500 502 503 504
frontend front
  bind 127.0.0.1:${listenPort} backlog 1024
  default_backend app
backend app
  balance leastconn
  option httpchk GET /health
  http-check expect status 200
  default-server check inter ${limits.healthInterval}ms fastinter 500ms fall 2 rise 2 observe layer7 error-limit 5 on-error mark-down
${endpointPorts.map((port) => `  server e${port} 127.0.0.1:${port}`).join("\n")}
`;
}

export const haproxy: ChaosProxy = {
  name: "haproxy",
  title: "HAProxy",
  version: () => commandOutput(findCommand("haproxy"), ["-v"], /version (\d+\.\d+\.\d+)/),
  async start(listenPort, endpointPorts) {
    const folder = makeFolder("haproxy");
    const file = join(folder, "haproxy.cfg");
    const socket = join(folder, "stats.sock");
    const write = (ports: readonly number[]): void => writeFileSync(file, configOf(socket, listenPort, ports));
    write(endpointPorts);
    const running = startProcess([findCommand("haproxy") ?? "haproxy", "-W", "-db", "-f", file]);
    await untilAccepting(listenPort, 10_000, () => running.child.exitCode !== null);
    // A reload starts a new process with counters of its own.
    let before: ProxyCounts = { attempts: 0, retries: 0, takenOut: 0 };
    const counts = async (): Promise<ProxyCounts> => add(before, readCounts(await ask(socket, "show stat")));
    return {
      async reload(ports) {
        before = await counts();
        write(ports);
        process.kill(running.pid, "SIGUSR2");
      },
      counts,
      stop: () => running.stop(),
    };
  },
};

const add = (one: ProxyCounts, other: ProxyCounts): ProxyCounts => ({
  attempts: one.attempts + other.attempts,
  retries: one.retries + other.retries,
  takenOut: one.takenOut + other.takenOut,
});

function readCounts(csv: string): ProxyCounts {
  const [heading = "", ...lines] = csv.trim().split("\n");
  const names = heading.replace("# ", "").split(",");
  let [requests, retries, takenOut] = [0, 0, 0];
  for (const line of lines) {
    const cells = line.split(",");
    const valueOf = (name: string): number => Number(cells[names.indexOf(name)] ?? 0);
    if (cells[0] !== "app") continue;
    if (cells[1] === "BACKEND") {
      requests += valueOf("stot");
      retries += valueOf("wretr");
    } else takenOut += valueOf("chkdown");
  }
  return { attempts: requests + retries, retries, takenOut };
}

function ask(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const connection = connect(socket, () => connection.write(`${command}\n`));
    connection.setEncoding("utf8");
    connection.on("data", (part: string) => {
      text += part;
    });
    connection.on("end", () => resolve(text));
    connection.on("error", reject);
  });
}
