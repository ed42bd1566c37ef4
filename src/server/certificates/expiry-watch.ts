/**
 * Tells how long certificates last: as a metric, in the status, and as warnings when little of their life is left, by
 * shares, because some live for days and others for years. Whoever renews does so before the first warning.
 */
import type { CertificateStatus } from "../../admin/admin-sources.ts";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { noTlsMaterial, type CertificateMaterial, type TlsMaterial } from "../../net/tls/tls-material.ts";
import { families } from "../../observe/families.ts";
import type { Logger } from "../../observe/logger.ts";
import type { MetricCollector } from "../../observe/metric-reader.ts";

/** Shares of the whole life; below each there is one warning. */
const warningShares = [1 / 4, 1 / 10, 1 / 30];
const checkEveryMs = 600_000;
const dayMs = 86_400_000;

/** What the watch is made of. */
export interface ExpiryWatchParts {
  readonly logger: Logger;
  readonly scheduler?: Scheduler;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Watches the certificates that are served. */
export class ExpiryWatch {
  readonly #logger: Logger;
  readonly #scheduler: Scheduler;
  readonly #now: () => number;
  #material: TlsMaterial = noTlsMaterial;
  /** By id: how many of the shares it has fallen below; one more than there are = it has expired. */
  #levels = new Map<string, number>();
  #next: ScheduledCall | null = null;

  constructor({ logger, scheduler = systemScheduler, now }: ExpiryWatchParts) {
    this.#logger = logger;
    this.#scheduler = scheduler;
    this.#now = now;
  }

  /** These are served from now on. */
  adopt(material: TlsMaterial): void {
    this.#material = material;
    this.#check();
  }

  close(): void {
    this.#next?.cancel();
  }

  /** What is served where, in the order of the configuration. */
  describe(): readonly CertificateStatus[] {
    const nowMs = this.#now();
    return this.#served().map(([listener, { names, keyType, notAfterMs }]) => ({
      listener,
      names,
      keyType,
      notAfter: new Date(notAfterMs).toISOString(),
      expiresInSeconds: Math.floor((notAfterMs - nowMs) / 1_000),
    }));
  }

  readonly collect: MetricCollector = (add) => {
    const nowMs = this.#now();
    const seen = new Set<string>();
    for (const [listener, { names, keyType, notAfterMs }] of this.#served()) {
      const labels = [listener, names[0] ?? "", keyType];
      const key = labels.join("\n");
      if (seen.has(key)) continue;
      seen.add(key);
      add(families.certificateExpiry, labels, (notAfterMs - nowMs) / 1_000);
    }
  };

  #served(): (readonly [listener: string, certificate: CertificateMaterial])[] {
    const { certificates, listeners } = this.#material;
    return [...listeners].flatMap(([name, listener]) =>
      listener.certificates.flatMap((id) => {
        const certificate = certificates.get(id);
        return certificate === undefined ? [] : [[name, certificate] as const];
      }),
    );
  }

  #check(): void {
    this.#next?.cancel();
    this.#next = null;
    const nowMs = this.#now();
    const levels = new Map<string, number>();
    for (const certificate of this.#material.certificates.values()) {
      const level = levelOf(certificate, nowMs);
      const before = this.#levels.get(certificate.id);
      levels.set(certificate.id, level);
      // That it had expired already when it came is said of its file.
      if (level > (before ?? 0) && !(before === undefined && level > warningShares.length))
        this.#tell(certificate, certificate.notAfterMs - nowMs);
    }
    this.#levels = levels;
    if (levels.size > 0) this.#next = this.#scheduler.after(checkEveryMs, () => this.#check());
  }

  #tell({ names, notAfterMs }: CertificateMaterial, leftMs: number): void {
    const fields = { names: names.slice(0, 5).join(" "), expires: new Date(notAfterMs).toISOString() };
    if (leftMs <= 0) this.#logger.error("a certificate has expired and was not replaced", fields);
    else this.#logger.warn(`a certificate expires in ${inWords(leftMs)} and was not replaced yet`, fields);
  }
}

function levelOf({ notBeforeMs, notAfterMs }: CertificateMaterial, nowMs: number): number {
  if (nowMs >= notAfterMs) return warningShares.length + 1;
  const share = (notAfterMs - nowMs) / (notAfterMs - notBeforeMs);
  return warningShares.filter((limit) => share < limit).length;
}

function inWords(ms: number): string {
  return ms >= 2 * dayMs ? `${Math.floor(ms / dayMs)} days` : `${Math.max(1, Math.floor(ms / 3_600_000))} h`;
}
