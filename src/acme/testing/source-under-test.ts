/** Sources of certificates as tests make them: with a clock of their own, and a host that notes what it is given. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import { ManualScheduler, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { type AcmeOptions, acmeSchema } from "../../net/tls/acme-options.ts";
import type { CertificateHost } from "../../net/tls/certificate-source.ts";
import type { CertificateMaterial, ChallengeCertificate } from "../../net/tls/tls-material.ts";
import { MetricReader } from "../../observe/metric-reader.ts";
import { MetricWriter } from "../../observe/metric-writer.ts";
import type { MetricFamily } from "../../observe/families.ts";
import { AcmeSource } from "../acme-source.ts";

/** A clock that stands still at the time of the machine, until it is wound forward. */
export function createScheduler(): ManualScheduler {
  return new ManualScheduler(new ManualClock(1_000, Date.now()));
}

/** Winds a clock forward, in steps, until something is true; waits for what is under way in between. */
export async function windUntil(scheduler: ManualScheduler, isTrue: () => boolean, stepMs = 500): Promise<void> {
  for (let turns = 0; !isTrue(); turns++) {
    if (turns > 3_000) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 2));
    scheduler.advance(stepMs);
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
  { scheduler = systemScheduler, files = {} }: { scheduler?: Scheduler; files?: Readonly<Record<string, string>> } = {},
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
    scheduler,
    random: seededRandom(1),
    logger: { debug: () => {}, info: note, warn: note, error: note },
    metrics: new MetricWriter({ onPage: (page) => reader.addPage("test", page), pageBytes: 4_096 }),
    files: {
      read: async (path) => {
        const text = files[path];
        if (text === undefined) throw new Error(`${path} is not there`);
        return text;
      },
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
