/**
 * The files of `tls` of a service: read when a connection is opened, and again only if they have changed, because
 * certificates of a few hours are replaced while connections are open.
 */
import { readFileSync, statSync } from "node:fs";
import { type ClientTextName, ClientTextError, readClientTexts } from "../net/tls/read-client-texts.ts";
import type { RemoteTlsOptions } from "./remote-tls-options.ts";
import type { RemoteTls, RemoteTlsSource } from "./remote-tls.ts";

/** A larger file holds something else. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * Where a client has its settings from, for each new connection; null for null. While the files cannot be used (half
 * written, certificate and key of different age), what they held before stays in use; if nothing was, it throws a
 * sentence about the file.
 */
export function remoteTlsOf(options: RemoteTlsOptions | null): RemoteTlsSource | null {
  if (options === null) return null;
  const { serverName, verify } = options;
  const paths = { ca: options.ca, cert: options.cert, key: options.key };
  if (paths.ca === null && paths.cert === null) return { ...paths, serverName, verify };
  let state = "";
  let good: RemoteTls | null = null;
  return () => {
    try {
      const found = stateOf(paths);
      if (good === null || found !== state) {
        good = { ...read(paths), serverName, verify };
        state = found;
      }
    } catch (error) {
      if (good === null) throw error;
    }
    return good;
  };
}

type Paths = Readonly<Record<"ca" | "cert" | "key", string | null>>;

function stateOf(paths: Paths): string {
  return Object.values(paths)
    .map((path) => {
      const { ino, size, mtimeMs, ctimeMs } = path === null ? noFile : statSync(path);
      return [ino, size, mtimeMs, ctimeMs].join();
    })
    .join(" ");
}

const noFile = { ino: 0, size: 0, mtimeMs: 0, ctimeMs: 0 };

function read(paths: Paths): Pick<RemoteTls, "ca" | "cert" | "key"> {
  try {
    const { texts } = readClientTexts({
      ca: textOf(paths.ca),
      crl: null,
      cert: textOf(paths.cert),
      key: textOf(paths.key),
    });
    return { ca: texts.caPem, cert: texts.certPem, key: texts.keyPem };
  } catch (error) {
    if (!(error instanceof ClientTextError)) throw error;
    throw new Error(`${pathOf(paths, error.text)} ${error.message}`, { cause: error });
  }
}

function textOf(path: string | null): string | null {
  if (path === null) return null;
  if (statSync(path).size > maxFileBytes) throw new Error(`${path} is larger than ${maxFileBytes} bytes`);
  return readFileSync(path, "utf8");
}

function pathOf(paths: Paths, name: ClientTextName): string {
  return (name === "crl" ? null : paths[name]) ?? name;
}
