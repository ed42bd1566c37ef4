/**
 * The certificates of all listeners, as the control thread has them kept. Whoever keeps them is loaded when a
 * configuration has a listener with TLS for the first time: it brings `node:tls` and much of our own, which a proxy
 * without TLS neither waits for at its start nor holds in memory.
 */
import type { CertificateStatus } from "../../admin/admin-sources.ts";
import type { Config } from "../../config/schema.ts";
import type { WantedKind } from "../../net/tls/certificate-source.ts";
import { noTlsMaterial, type TlsMaterial } from "../../net/tls/tls-material.ts";
import type { MetricCollector } from "../../observe/metric-reader.ts";
import type { CertificateKeeper, KeeperParts } from "./certificate-keeper.ts";

/** A `CertificateKeeper` that is there if it is needed. */
export class ListenerCertificates {
  readonly #parts: KeeperParts;
  #keeper: CertificateKeeper | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** What holds at the moment. The same object as long as nothing changes. */
  get material(): TlsMaterial {
    return this.#keeper === null ? noTlsMaterial : this.#keeper.material;
  }

  /** See `CertificateKeeper.prepare`. */
  async prepare(config: Config): Promise<TlsMaterial> {
    if (this.#keeper === null) {
      if (config.listeners.every(({ tls }) => tls === null)) return noTlsMaterial;
      const { CertificateKeeper } = await import("./certificate-keeper.ts");
      this.#keeper = new CertificateKeeper(this.#parts);
    }
    return this.#keeper.prepare(config);
  }

  /** What was prepared holds. */
  commit(): void {
    this.#keeper?.commit();
  }

  /** Forgets what was prepared. */
  abort(): void {
    this.#keeper?.abort();
  }

  close(): void {
    this.#keeper?.close();
  }

  /** See `CertificateKeeper.refresh`. */
  async refresh(): Promise<void> {
    await this.#keeper?.refresh();
  }

  /** See `CertificateKeeper.want`. */
  async want(listenerName: string, name: string, kind: WantedKind): Promise<void> {
    await this.#keeper?.want(listenerName, name, kind);
  }

  /** What is served where. */
  describe(): readonly CertificateStatus[] {
    return this.#keeper?.expiry.describe() ?? [];
  }

  /** How long they last. */
  readonly collect: MetricCollector = (add) => this.#keeper?.expiry.collect(add);
}
