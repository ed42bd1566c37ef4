/**
 * What upstreams have in files for TLS to their endpoints, as the control thread has it kept. Whoever keeps it is loaded
 * when a configuration names such a file for the first time; see `listener-certificates.ts`.
 */
import type { Config } from "../../config/schema.ts";
import type { EndpointTlsKeeper, EndpointTlsKeeperParts } from "./endpoint-tls-keeper.ts";

/** An `EndpointTlsKeeper` that is there if it is needed. */
export class UpstreamCertificates {
  readonly #parts: EndpointTlsKeeperParts;
  #keeper: EndpointTlsKeeper | null = null;

  constructor(parts: EndpointTlsKeeperParts) {
    this.#parts = parts;
  }

  /** See `EndpointTlsKeeper.prepare`. */
  async prepare(config: Config): Promise<Config> {
    if (this.#keeper === null) {
      if (!namesFiles(config)) return config;
      const { EndpointTlsKeeper } = await import("./endpoint-tls-keeper.ts");
      this.#keeper = new EndpointTlsKeeper(this.#parts);
    }
    return this.#keeper.prepare(config);
  }

  /** What was prepared is at work. */
  commit(): void {
    this.#keeper?.commit();
  }

  /** Forgets what was prepared. */
  abort(): void {
    this.#keeper?.abort();
  }

  /** Do the files of the running configuration hold something else than when they were read? */
  async hasChanged(): Promise<boolean> {
    return this.#keeper === null ? false : this.#keeper.hasChanged();
  }

  close(): void {
    this.#keeper?.close();
  }
}

function namesFiles({ upstreams }: Config): boolean {
  return Object.values(upstreams).some(
    ({ tls }) => tls !== null && (tls.ca !== null || tls.crl !== null || tls.cert !== null || tls.key !== null),
  );
}
