/**
 * Millrace, nginx and HAProxy as the scenes of operation need them: one listener before one endpoint, with what a scene
 * is about.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { freePort, untilAccepting } from "../../macro/loopback.ts";
import { nginxCommand, nginxHead, nginxTemporaryPaths } from "../../macro/nginx-head.ts";
import { sourceMillraceCommand } from "../../macro/peers/millrace.ts";
import { makeFolder, type RunningProcess, type StartOptions, startProcess } from "../../macro/workspace.ts";

/** Who can play. */
export type ContestantName = "millrace" | "nginx" | "haproxy";

/** What a scene asks of a proxy. */
export interface Task {
  /** `host:port` of its endpoint; the host may be a name. */
  readonly endpoint: string;
  /** A line a request: to standard output, or to this file; absent: no log. */
  readonly accessLog?: string;
  /** Requests that a client address may send in a second, and at once. */
  readonly clientLimit?: { readonly ratePerSecond: number; readonly burst: number };
  /** `address:port` of the name server; absent: as the machine has it. */
  readonly nameServer?: string;
  /** Health checks of the endpoint, and of as many others in an upstream of their own. */
  readonly checks?: { readonly intervalMs: number; readonly timeoutMs: number; readonly others: readonly string[] };
  readonly process?: Pick<StartOptions, "descriptors" | "output">;
}

/** A proxy at work. */
export interface Contestant {
  readonly port: number;
  readonly process: RunningProcess;
}

const startLimitMs = 20_000;

/** Starts a proxy. @throws if it does not come to listen within some seconds */
export async function startContestant(name: ContestantName, task: Task, limitMs = startLimitMs): Promise<Contestant> {
  const port = await freePort();
  const folder = makeFolder(name);
  const running = startProcess(...commandOf[name](folder, port, task));
  try {
    await untilAccepting(port, limitMs, () => running.child.exitCode !== null);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { port, process: running };
}

type CommandOf = (folder: string, port: number, task: Task) => [command: string[], options: StartOptions];

const commandOf: Readonly<Record<ContestantName, CommandOf>> = {
  millrace: (folder, port, task) => {
    const file = join(folder, "millrace.json");
    writeFileSync(file, JSON.stringify(millraceConfig(port, task)));
    if (task.nameServer === undefined)
      return [[...sourceMillraceCommand(), "run", "--no-watch", file], { ...task.process }];
    const resolvConf = join(folder, "resolv.conf");
    writeFileSync(resolvConf, `nameserver ${task.nameServer}\n`);
    return [
      [...sourceMillraceCommand(), "run", "--no-watch", file],
      { ...task.process, env: { MILLRACE_RESOLV_CONF: resolvConf } },
    ];
  },
  nginx: (folder, port, task) => {
    const file = join(folder, "nginx.conf");
    writeFileSync(file, nginxConfig(folder, port, task));
    return [nginxCommand(folder, file), { ...task.process }];
  },
  haproxy: (folder, port, task) => {
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, haproxyConfig(port, task));
    return [[findCommand("haproxy") ?? "haproxy", "-W", "-db", "-f", file], { ...task.process }];
  },
};

function millraceConfig(port: number, { endpoint, accessLog, clientLimit, checks }: Task): object {
  const health = checks && {
    path: "/health",
    interval: `${checks.intervalMs}ms`,
    timeout: `${checks.timeoutMs}ms`,
    rise: 2,
    fall: 2,
  };
  const middlewares = clientLimit && [
    { rateLimit: { rate: `${clientLimit.ratePerSecond}/s`, burst: clientLimit.burst, key: "clientIp" } },
  ];
  return {
    workers: 2,
    listeners: [{ address: `127.0.0.1:${port}` }],
    routes: [{ upstream: "app", ...(middlewares && { middlewares }) }],
    upstreams: {
      app: { endpoints: [`http://${endpoint}`], ...(health && { health }) },
      ...(checks && { others: { endpoints: checks.others.map((other) => `http://${other}`), health } }),
    },
    log: {
      level: "info",
      access: accessLog === undefined ? false : { path: accessLog === "stdout" ? "-" : accessLog },
      stats: "0s",
    },
  };
}

function nginxConfig(folder: string, port: number, { endpoint, accessLog, clientLimit, nameServer }: Task): string {
  return `${nginxHead({ folder, workers: 2, connections: 1_024, errorLevel: "warn" })}
http {
${nginxTemporaryPaths(folder)}
access_log ${accessLog === undefined ? "off" : accessLog === "stdout" ? "/dev/stdout" : accessLog};
keepalive_requests 1000000;
keepalive_timeout 120s;
${clientLimit === undefined ? "" : `limit_req_zone $remote_addr zone=clients:1m rate=${clientLimit.ratePerSecond}r/s;`}
${nameServer === undefined ? `upstream app { server ${endpoint}; keepalive 64; }` : `resolver ${nameServer} valid=1s ipv6=off;`}
server {
  listen 127.0.0.1:${port} backlog=1024;
  location / {
    ${nameServer === undefined ? "proxy_pass http://app;" : `set $app "${endpoint}"; proxy_pass http://$app;`}
    ${clientLimit === undefined ? "" : `limit_req zone=clients burst=${clientLimit.burst} nodelay;`}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
  }
}
}
`;
}

function haproxyConfig(port: number, { endpoint, accessLog, clientLimit, nameServer, checks }: Task): string {
  const limit =
    clientLimit &&
    `
  stick-table type ip size 1k expire 10s store http_req_rate(1s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${clientLimit.burst} }`;
  const check = checks === undefined ? "" : ` check inter ${checks.intervalMs}ms fall 2 rise 2`;
  return `global
  nbthread 2
  ${accessLog === "stdout" ? "log stdout format raw local0" : ""}
defaults
  mode http
  ${accessLog === "stdout" ? "log global\n  option httplog" : ""}
  timeout connect 1s
  timeout client 120s
  timeout server 10s
  ${checks === undefined ? "" : `timeout check ${checks.timeoutMs}ms`}
  http-reuse always
${nameServer === undefined ? "" : `resolvers names\n  nameserver one ${nameServer}\n  hold valid 1s\n  timeout resolve 1s\n  timeout retry 1s`}
frontend front
  bind 127.0.0.1:${port} backlog 1024${limit ?? ""}
  default_backend app
backend app
  ${checks === undefined ? "" : "option httpchk GET /health"}
  server app ${endpoint}${check}${nameServer === undefined ? "" : " resolvers names resolve-prefer ipv4 init-addr libc,none"}
${checks === undefined ? "" : `backend others\n  option httpchk GET /health\n${checks.others.map((other, at) => `  server o${at} ${other}${check}`).join("\n")}`}
`;
}
