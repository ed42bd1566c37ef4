/** nginx with the settings its own documentation advises for a busy proxy. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../../scripts/install-packages.ts";
import { nginxHttpDefaults, nginxPreamble } from "../backend.ts";
import { nginxCommand } from "../nginx-head.ts";
import { type TlsFiles, tls13Suites } from "../tls-files.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

/** What differs between the measured configurations. */
interface NginxVariant {
  readonly name: string;
  readonly title: string;
  /** Lines of the `http` section. */
  readonly http: (folder: string) => string;
  /** Lines of the location. */
  readonly location: string;
}

/** Forwards everything. */
export const nginx = nginxPeer({ name: "nginx", title: "nginx", http: () => "", location: "" });

/** Keeps up to `maxBytes` in files, which it keeps open, on whatever the temporary folder is on. */
export function nginxCachePeer(maxBytes: number): Peer {
  return nginxPeer({
    name: "nginx-cache",
    title: "nginx, proxy_cache",
    http: (folder) =>
      `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=answers:10m max_size=${Math.ceil(maxBytes / 1_024)}k use_temp_path=off; sendfile on; tcp_nopush on; open_file_cache max=1000 inactive=60s;`,
    location: "proxy_cache answers; proxy_cache_lock on;",
  });
}

/** Compresses as much as zlib does at the level that is Millrace's default. */
export const nginxGzip = nginxPeer({
  name: "nginx-gzip",
  title: "nginx, gzip",
  http: () => "",
  location:
    "gzip on; gzip_comp_level 5; gzip_min_length 1024; gzip_types application/json; gzip_proxied any; gzip_vary on;",
});

function nginxPeer(variant: NginxVariant): Peer {
  return {
    name: variant.name,
    title: variant.title,
    isOurs: false,
    version: () => commandOutput(findCommand("nginx"), ["-v"], /nginx\/(\S+)/),
    async prepare({ listenPort, backendPort, folder, threads, tls }) {
      const file = join(folder, "nginx.conf");
      const listen = `127.0.0.1:${listenPort} backlog=8192${tls === null ? "" : " ssl"}${threads > 1 ? " reuseport" : ""}`;
      writeFileSync(
        file,
        `${nginxPreamble(folder, threads)}
http {
${nginxHttpDefaults(folder)}
client_body_buffer_size 128k;
${variant.http(folder)}
proxy_buffer_size 16k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
upstream backend { server 127.0.0.1:${backendPort}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300s; }
server {
  listen ${listen};
  ${tls === null ? "" : tlsLines(tls)}
  location / {
    ${variant.location}
    proxy_pass http://backend;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
  }
}
}
`,
      );
      return { command: nginxCommand(folder, file) };
    },
  };
}

/** A cache of sessions is of no use to clients that take tickets. */
function tlsLines({ cert, key }: TlsFiles): string {
  return `ssl_certificate ${cert}; ssl_certificate_key ${key};
  ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_conf_command Ciphersuites ${tls13Suites};
  ssl_session_tickets on; ssl_session_timeout 1h;`;
}
