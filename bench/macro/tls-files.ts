/** The certificate that every proxy of a run shows: ECDSA on P-256, which is what most sites have. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestAuthority } from "../../src/net/testing/test-authority.ts";
import { makeFolder } from "./workspace.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** The suites of TLS 1.3 in the order in which Millrace prefers them; all proxies are to choose the same one. */
export const tls13Suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

let made: Promise<TlsFiles> | null = null;

/** The files; made when they are asked for first. */
export function tlsFiles(): Promise<TlsFiles> {
  made ??= makeFiles();
  return made;
}

async function makeFiles(): Promise<TlsFiles> {
  const folder = makeFolder("tls");
  const authority = await TestAuthority.create("Benchmark");
  const { cert, key } = await authority.issue({ names: ["bench.test"], ips: ["127.0.0.1"] });
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}
