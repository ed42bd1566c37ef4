/** Sources of certificates as tests make them: with a clock of their own, and a host that notes what it is given. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import { ManualScheduler, type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { type AcmeOptions, acmeSchema } from "../../net/tls/acme-options.ts";
import type { CertificateHost } from "../../net/tls/certificate-source.ts";
import type { CertificateMaterial, ChallengeCertificate } from "../../net/tls/tls-material.ts";
import { MetricReader } from "../../observe/metric-reader.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";
import type { MetricFamily } from "../../observe/metric-family.ts";
import type { StoreOptions } from "../../store/options.ts";
import { AcmeSource } from "../acme-source.ts";
import { lockBeatMs } from "../storage/acme-store.ts";

/**
 * A clock that stands still at the time of the machine, until it is wound from one wait of the sources to the next. Signs
 * of life of locks are no waits: whoever holds a lock is at work, and the clock stands still for it.
 */
export class WoundScheduler extends ManualScheduler {
  /** When each wait is over. */
  readonly #waits = new Map<object, number>();

  constructor() {
    super(new ManualClock(1_000, Date.now()));
  }

  override after(delayMs: number, run: () => void): ScheduledCall {
    if (delayMs === lockBeatMs) return super.after(delayMs, run);
    const wait = {};
    this.#waits.set(wait, this.clock.now() + delayMs);
    const call = super.after(delayMs, () => {
      this.#waits.delete(wait);
      run();
    });
    return {
      cancel: () => {
        this.#waits.delete(wait);
        call.cancel();
      },
    };
  }

  /** Winds it to the end of the next wait, if at least `count` are waiting. */
  windOn(count: number): void {
    if (this.#waits.size < count) return;
    this.advance(Math.max(0, Math.min(...this.#waits.values()) - this.clock.now()));
  }
}

/** Winds the clock on until something is true. @param sources how many sources must wait before it is wound */
export async function windUntil(scheduler: WoundScheduler, isTrue: () => boolean, sources = 1): Promise<void> {
  for (const limitMs = performance.now() + 30_000; !isTrue(); ) {
    if (performance.now() > limitMs) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 1));
    scheduler.windOn(sources);
  }
}

/** A folder for one test. */
export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-acme-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a source has given, and what it shows. */
export class NotedHost implements CertificateHost {
  given: readonly CertificateMaterial[] = [];
  gives = 0;
  readonly http = new Map<string, string>();
  readonly alpn = new Map<string, ChallengeCertificate>();
  /** Everything that was ever shown. */
  readonly shown: string[] = [];

  async give(certificates: readonly CertificateMaterial[]): Promise<void> {
    this.given = certificates;
    this.gives++;
  }

  async setHttpChallenge(token: string, keyAuthorization: string | null): Promise<void> {
    if (keyAuthorization === null) this.http.delete(token);
    else this.http.set(token, keyAuthorization);
    if (keyAuthorization !== null) this.shown.push("http-01");
  }

  async setAlpnChallenge(serverName: string, certificate: ChallengeCertificate | null): Promise<void> {
    if (certificate === null) this.alpn.delete(serverName);
    else this.alpn.set(serverName, certificate);
    if (certificate !== null) this.shown.push("tls-alpn-01");
  }
}

/** A source with its host and its log. */
export interface SourceUnderTest {
  readonly source: AcmeSource;
  readonly host: NotedHost;
  readonly log: string[];
  total(family: MetricFamily): number;
}

/** Makes a source; `acme` is what stands in the configuration. */
export function createSource(
  t: TestContext,
  acme: object,
  { scheduler = systemScheduler, store = null }: { scheduler?: Scheduler; store?: StoreOptions | null } = {},
): SourceUnderTest {
  const log: string[] = [];
  const reader = new MetricReader();
  const note = (message: string, fields: object = {}): void => {
    const error = "error" in fields && fields.error instanceof Error ? ` ${fields.error.message}` : "";
    log.push(`${message}${error}`);
  };
  const source = new AcmeSource({
    listener: "public",
    options: acmeSchema.parse(acme) as AcmeOptions,
    store,
    scheduler,
    random: seededRandom(1),
    logger: { debug: () => {}, info: note, warn: note, error: note },
    metrics: new MetricWriter({ onPage: (page) => reader.addPage("test", page), pageBytes: 4_096 }),
    files: {
      read: (path) => Promise.reject(new Error(`${path} is not there`)),
    },
    dnsHook: null,
  });
  t.after(() => source.close());
  return { source, host: new NotedHost(), log, total: (family) => reader.total(family, () => true)[0] ?? 0 };
}

/** Loads and starts it. @returns what it has loaded */
export async function startSource({ source, host }: SourceUnderTest): Promise<readonly CertificateMaterial[]> {
  const loaded = await source.load();
  host.given = loaded;
  source.start(host);
  return loaded;
}
