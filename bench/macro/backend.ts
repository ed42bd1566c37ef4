/** The backend behind every proxy: nginx answering from memory and from files, so that it is never what limits. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, untilAccepting } from "./loopback.ts";
import { nginxCommand, nginxHead, nginxTemporaryPaths } from "./nginx-head.ts";
import { makeFolder, type RunningProcess, startProcess } from "./workspace.ts";

/** Body of `/small`. */
export const smallBody = "hello from the backend\n";

/** Sizes of `/10k`, `/100k` and `/1m`, in bytes. */
export const fileBytes = { "/10k": 10 * 1024, "/100k": 100 * 1024, "/1m": 1024 * 1024 } as const;

/** Sizes of the texts under `/text`, in bytes: records in JSON, as an API sends them. */
export const textBytes = { "/10k": 10 * 1024, "/100k": 100 * 1024 } as const;

export interface Backend {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** The lines every nginx of the benchmark starts with. */
export function nginxPreamble(folder: string, workers: number): string {
  const main = "worker_rlimit_nofile 20000;";
  return nginxHead({ folder, workers, connections: 16_384, errorLevel: "crit", main, events: "accept_mutex off;" });
}

/** What is the same for proxy and backend. */
export function nginxHttpDefaults(folder: string): string {
  return `${nginxTemporaryPaths(folder)}
access_log off;
tcp_nodelay on;
keepalive_requests 1000000000;
keepalive_timeout 300s;
`;
}

export async function startBackend(cores: readonly number[]): Promise<Backend> {
  const folder = makeFolder("backend");
  const port = await freePort();
  for (const [path, bytes] of Object.entries(fileBytes)) writeFileSync(join(folder, path), patternBytes(bytes));
  mkdirSync(join(folder, "text"));
  for (const [path, bytes] of Object.entries(textBytes)) writeFileSync(join(folder, "text", path), jsonBytes(bytes));
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `${nginxPreamble(folder, Math.max(1, Math.min(2, cores.length)))}
http {
${nginxHttpDefaults(folder)}
sendfile on; tcp_nopush on; open_file_cache max=100;
default_type application/octet-stream;
client_max_body_size 0;
server {
  listen 127.0.0.1:${port} backlog=8192;
  root ${folder};
  location = /small { return 200 "${smallBody.replace("\n", "\\n")}"; }
  location = /upload { return 200 "received\\n"; }
  location /text/ { default_type application/json; }
  location /cached/ { alias ${folder}/; add_header Cache-Control "public, max-age=3600"; }
  location = /echo { return 200 "$http_host $http_x_forwarded_for $http_x_forwarded_proto"; }
}
}
`,
  );
  const running: RunningProcess = startProcess(nginxCommand(folder, file), { cores });
  await untilAccepting(port, 5000, () => running.child.exitCode !== null);
  return { port, pid: running.pid, stop: () => running.stop() };
}

/** Bytes without a period that a buffer size shares, so that a shifted or repeated chunk is noticed. */
function patternBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let index = 0; index < count; index++)
    bytes[index] = (index * 31 + (index >> 8) * 17 + (index >> 16) * 7) & 0xff;
  return bytes;
}

/** Records that have about as much in common as those of real answers: gzip makes a quarter of them. */
function jsonBytes(count: number): Buffer {
  const names = ["anna", "bruno", "clara", "david", "emma", "felix", "greta", "hugo", "ida", "jan", "karl", "lena"];
  let text = "[";
  for (let id = 1, seed = 1; text.length < count; id++) {
    seed = (seed * 48_271) % 2_147_483_647;
    const name = names[seed % names.length]!;
    text += `{"id":${id},"name":"${name}","email":"${name}${seed % 1_000}@example.com","score":${(seed / 2_147_483_647).toFixed(6)},"active":${seed % 3 === 0},"created":"2026-0${(seed % 9) + 1}-1${seed % 10}T0${seed % 7}:00:00Z"},\n`;
  }
  return Buffer.from(text.slice(0, count));
}
