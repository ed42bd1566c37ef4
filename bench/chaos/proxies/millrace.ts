/** Millrace with what it has against failing endpoints switched on. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, untilAccepting } from "../../macro/loopback.ts";
import { sourceMillraceCommand } from "../../macro/peers/millrace.ts";
import { makeFolder, startProcess } from "../../macro/workspace.ts";
import { version } from "../../../src/base/version.ts";
import { type ChaosProxy, limits, type ProxyCounts } from "./chaos-proxy.ts";

/** The configuration, as a user would write it. */
function configOf(listenPort: number, adminPort: number, endpointPorts: readonly number[]): object {
  return {
    workers: 2,
    listeners: [{ address: `127.0.0.1:${listenPort}` }],
    routes: [{ upstream: "app" }],
    upstreams: {
      app: {
        endpoints: endpointPorts.map((port) => `http://127.0.0.1:${port}`),
        balance: "peak-ewma",
        health: {
          path: "/health",
          interval: `${limits.healthInterval}ms`,
          timeout: `${limits.healthTimeout}ms`,
          rise: 2,
          fall: 2,
        },
        retry: { attempts: 2, on: ["connect", "reset", "timeout", 500, 502, 503, 504] },
        outlier: { statuses: [500, 502, 503, 504] },
        breaker: { window: "3s", open: "2s", ramp: "3s" },
        timeouts: { connect: `${limits.connect}ms`, firstByte: `${limits.firstByte}ms` },
      },
    },
    admin: { address: `127.0.0.1:${adminPort}` },
    log: { level: "info", access: false, stats: "0s" },
  };
}

export const millrace: ChaosProxy = {
  name: "millrace",
  title: "Millrace",
  version: () => Promise.resolve(version),
  async start(listenPort, endpointPorts) {
    const file = join(makeFolder("millrace"), "millrace.json");
    const adminPort = await freePort();
    const write = (ports: readonly number[]): void =>
      writeFileSync(file, JSON.stringify(configOf(listenPort, adminPort, ports), null, 2));
    write(endpointPorts);
    const running = startProcess([...sourceMillraceCommand(), "run", "--no-watch", file]);
    try {
      await untilAccepting(listenPort, 20_000, () => running.child.exitCode !== null);
    } catch (error) {
      throw new Error(`Millrace does not start:\n${running.output()}`, { cause: error });
    }
    const admin = `http://127.0.0.1:${adminPort}`;
    return {
      async reload(ports) {
        write(ports);
        const answer = await fetch(`${admin}/api/v1/reload`, { method: "POST" });
        if (!answer.ok) throw new Error(`the reload was refused: ${await answer.text()}`);
      },
      async counts() {
        const counts = readCounts(await (await fetch(`${admin}/metrics`)).text());
        return { ...counts, takenOut: counts.takenOut + running.output().split('"endpoint is unhealthy"').length - 1 };
      },
      stop: () => running.stop(),
    };
  },
};

function readCounts(text: string): ProxyCounts {
  const sumOf = (name: RegExp): number => {
    let sum = 0;
    for (const [, series = "", value = "0"] of text.matchAll(/^([a-z_]+)(?:\{[^}]*\})? ([\d.e+]+)$/gm))
      if (name.test(series)) sum += Number(value);
    return sum;
  };
  return {
    attempts: sumOf(/^millrace_upstream_requests_total$/),
    retries: sumOf(/^millrace_retries_total$/),
    takenOut: sumOf(/^millrace_ejections_total$/),
  };
}
