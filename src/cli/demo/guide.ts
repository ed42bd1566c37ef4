/** The demo's configuration, and what it tells its user to try. */
import { isatty } from "node:tty";
import { styleText } from "node:util";
import type { ConfigInput } from "../../config/config-input.ts";
import type { Proxy } from "../../server/proxy.ts";
import { inheritedOutput } from "../../observe/standard-output.ts";
import { buildFlagConfig } from "../flag-config.ts";
import type { DemoBackend } from "./backend.ts";

/** A proxy with health checks quick enough to watch, in front of `backends`. Not validated. */
export function buildDemoConfig(
  backends: readonly DemoBackend[],
  flags: { listen: string; admin: string; balance: string; workers: string },
): ConfigInput {
  const endpoints = backends.map((backend) => `http://127.0.0.1:${backend.port}`);
  return buildFlagConfig(endpoints, {
    listen: [flags.listen],
    admin: flags.admin,
    balance: flags.balance,
    workers: flags.workers,
    healthPath: "/health",
    healthInterval: "2s",
    grace: "5s",
  });
}

/** Prints where everything is and what to try, on standard output. */
export function writeDemoGuide(proxy: Proxy, backends: readonly DemoBackend[]): void {
  const port = proxy.addresses().find((address) => address.port > 0)?.port ?? 0;
  const base = `http://localhost:${port}`;
  const admin = proxy.adminAddress();
  const hasTerminal = isatty(1);
  const bold = (text: string): string => (hasTerminal ? styleText("bold", text, { stream: process.stdout }) : text);
  const dim = (text: string): string => (hasTerminal ? styleText("dim", text, { stream: process.stdout }) : text);
  const tries: readonly (readonly [command: string, meaning: string])[] = [
    [`curl ${base}/`, "again and again: the backends take turns"],
    [`curl ${base}/sick`, "one backend fails its health checks for 15 s and leaves the rotation"],
    [`curl '${base}/slow?ms=3000'`, "a slow answer"],
    [`curl -i '${base}/error?status=503'`, "an error"],
    [`curl -N ${base}/events`, "server-sent events, each as it comes"],
    [`curl -T FILE ${base}/upload`, "an upload of any size"],
    [`curl ${base}/headers`, "what the backend received"],
    [`npx wscat -c ws://localhost:${port}/ws`, "a WebSocket"],
    ...(admin === null ? [] : [[`curl http://${admin}/metrics`, "metrics for Prometheus"] as const]),
  ];
  const width = Math.max(...tries.map(([command]) => command.length));
  const lines = [
    "",
    `  ${bold("Millrace demo")}`,
    "",
    `  proxy     ${bold(base)}`,
    ...(admin === null ? [] : [`  admin     ${bold(`http://${admin}`)}`]),
    ...backends.map((backend) => `  backend   http://127.0.0.1:${backend.port} ${dim(backend.name)}`),
    "",
    "  Try",
    ...tries.map(([command, meaning]) => `    ${command.padEnd(width)}  ${dim(meaning)}`),
    "",
    `  ${dim("Ctrl-C finishes what is under way and stops.")}`,
    "",
  ];
  inheritedOutput(1).write(`${lines.join("\n")}\n`, lines.length, { lost: 0 });
}
