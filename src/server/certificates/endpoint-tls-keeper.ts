/**
 * Keeps what upstreams have in files for TLS to their endpoints: reads and checks it before a configuration comes to
 * work, and follows the files. A change is brought to the threads as a reload of the same configuration: what has not
 * changed lives on, connections made with the old files are drained, and files that cannot be used change nothing.
 */
import type { Config } from "../../config/schema.ts";
import { type ConfigWatch, watchConfig } from "../../config/watch-config.ts";
import type { Logger } from "../../observe/logger.ts";
import { type ClientTextName, ClientTextError, readClientTexts } from "../../net/tls/read-client-texts.ts";
import type { ClientTlsTexts } from "../../net/tls/client-context.ts";
import { CertificateError } from "../../net/tls/read-certificate.ts";
import type { EndpointTls } from "../../upstream/endpoint-tls.ts";
import { CertificateFiles } from "./certificate-file.ts";
import { FileFindings } from "./file-findings.ts";

/** What the keeper is made of. */
export interface EndpointTlsKeeperParts {
  readonly logger: Logger;
  /** Files have changed: installs the running configuration again. @throws ConfigError if they cannot be used */
  readonly onChange: () => Promise<void>;
}

interface ReadFiles {
  readonly files: CertificateFiles;
  readonly findings: FileFindings;
}

const names: readonly ClientTextName[] = ["ca", "crl", "cert", "key"];
/** File systems that give no notice are rare, and these files change seldom. */
const pollMs = 60_000;

/** The files of all upstreams. `prepare` and `commit` (or `abort`) go in pairs. */
export class EndpointTlsKeeper {
  readonly #parts: EndpointTlsKeeperParts;
  #prepared: ReadFiles | null = null;
  #running: CertificateFiles | null = null;
  #watch: ConfigWatch | null = null;
  /** What was warned of: each is said once as long as it stands. */
  #said: ReadonlySet<string> = new Set();

  constructor(parts: EndpointTlsKeeperParts) {
    this.#parts = parts;
  }

  /**
   * Reads what `config` names.
   * @returns `config` with what the files hold now @throws ConfigError with everything that is wrong with them
   */
  async prepare(config: Config): Promise<Config> {
    const read: ReadFiles = { files: new CertificateFiles(), findings: new FileFindings() };
    const prepared = await readEndpointTls(config, read);
    read.findings.assertFine();
    this.#prepared = read;
    return prepared;
  }

  /** What was prepared is at work: its files are followed. */
  commit(): void {
    const prepared = this.#prepared;
    if (prepared === null) return;
    this.#prepared = null;
    this.#running = prepared.files;
    const sentences = new Set(prepared.findings.warnings.map(({ file, message }) => `${file} ${message}`));
    for (const sentence of sentences) if (!this.#said.has(sentence)) this.#parts.logger.warn(sentence);
    this.#said = sentences;
    this.#follow(prepared.files);
  }

  abort(): void {
    this.#prepared = null;
  }

  /** Do the files of the running configuration hold something else than when they were read? */
  async hasChanged(): Promise<boolean> {
    if (this.#running === null) return false;
    const now = new CertificateFiles();
    for (const path of this.#running.digests.keys()) {
      // What cannot be read has an empty digest.
      await now.read(path).catch(() => {});
      if (now.digests.get(path) !== this.#running.digests.get(path)) return true;
    }
    return false;
  }

  close(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  async #onFilesChanged(): Promise<void> {
    const { logger, onChange } = this.#parts;
    try {
      if (!(await this.hasChanged())) return;
      await onChange();
      logger.info("files of TLS to endpoints have changed; new connections are made with them");
    } catch (error) {
      logger.error("files of TLS to endpoints have changed and cannot be used; what was read before stays", {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #follow({ digests }: CertificateFiles): void {
    this.#watch?.close();
    this.#watch = null;
    const [first] = digests.keys();
    if (first === undefined) return;
    this.#watch = watchConfig(first, () => void this.#onFilesChanged(), {
      pollMs,
      onError: (error) => this.#parts.logger.warn("watching the files of TLS to endpoints failed", { error }),
    });
    this.#watch.follow(digests);
  }
}

/**
 * Reads the files of TLS to endpoints that `config` names.
 * @returns sentences about what people should know of them @throws ConfigError with everything that is wrong with them
 */
export async function checkEndpointTlsFiles(config: Config): Promise<string[]> {
  const read: ReadFiles = { files: new CertificateFiles(), findings: new FileFindings() };
  await readEndpointTls(config, read);
  read.findings.assertFine();
  return read.findings.warnings.map(({ file, message }) => `${file} ${message}`);
}

/** `config` with what the files of its upstreams hold; what is wrong with them is among the findings. */
async function readEndpointTls(config: Config, read: ReadFiles): Promise<Config> {
  const upstreams: Config["upstreams"] = {};
  const known = new Map<string, ClientTlsTexts>();
  let isAsWritten = true;
  for (const [name, options] of Object.entries(config.upstreams)) {
    upstreams[name] = options;
    const { tls } = options;
    if (tls === null || names.every((text) => tls[text] === null)) continue;
    isAsWritten = false;
    // Upstreams of one owner share their files.
    const key = JSON.stringify(names.map((text) => tls[text]));
    const texts = known.get(key) ?? (await readTexts(tls, read));
    if (texts === null) continue;
    known.set(key, texts);
    upstreams[name] = { ...options, tls: { ...tls, texts } };
  }
  return isAsWritten ? config : { ...config, upstreams };
}

async function readTexts(tls: EndpointTls, { files, findings }: ReadFiles): Promise<ClientTlsTexts | null> {
  const given: Record<ClientTextName, string | null> = { ca: null, crl: null, cert: null, key: null };
  let isComplete = true;
  for (const name of names) {
    const path = tls[name];
    if (path === null) continue;
    try {
      const { bytes, isReadableByAll } = await files.read(path);
      given[name] = bytes.toString("latin1");
      if (name === "key" && isReadableByAll)
        findings.warn(path, "is a private key that everybody on this machine may read");
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      findings.refuse(path, error.message);
      isComplete = false;
    }
  }
  if (!isComplete) return null;
  try {
    const { texts, warnings } = readClientTexts(given);
    for (const { text, message } of warnings) findings.warn(tls[text]!, message);
    return texts;
  } catch (error) {
    if (!(error instanceof ClientTextError)) throw error;
    findings.refuse(tls[error.text]!, error.message);
    return null;
  }
}
