/**
 * The certificates of a listener with `tls.internal`: one for this machine, which clients get that ask for no name, and
 * one for each other name as soon as a client asks for it. They live for days and are replaced in time. Lives in the
 * control thread. Names come from strangers: how many are kept, and how fast new ones are made, is bounded.
 */
import { hostname, networkInterfaces } from "node:os";
import { normalizeIp } from "../base/ip-address.ts";
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";
import type { CertificateHost, CertificateSource } from "../net/tls/certificate-source.ts";
import { readCertificate } from "../net/tls/read-certificate.ts";
import { normalizeServerName } from "../net/tls/server-name.ts";
import type { CertificateMaterial } from "../net/tls/tls-material.ts";
import type { HostNames } from "./issuer.ts";
import { lifetimes, LocalAuthority } from "./local-authority.ts";

/** The most names that clients have asked for; the oldest gives way. */
const maxWanted = 500;
/** New names in a second. What is beyond it gets what names without a certificate get. */
const maxNewASecond = 20;
/** Machines have addresses by the dozen now and then. */
const maxAddresses = 32;
const lookMs = 3_600_000;

/** What a source is made of. */
export interface LocalSourceParts {
  readonly folder: string;
  /** Names that have a certificate from the start. */
  readonly names: readonly string[];
  readonly scheduler: Scheduler;
  readonly onError: (error: Error) => void;
  /** What refuses a configuration whose authority cannot be used. */
  readonly toError: (message: string) => Error;
}

interface Kept {
  readonly host: HostNames;
  material: CertificateMaterial;
}

/** Gives certificates of the local authority. */
export class LocalSource implements CertificateSource {
  readonly #parts: LocalSourceParts;
  readonly #authority: LocalAuthority;
  /** Of this machine, and of the configured names. */
  #own: Kept[] = [];
  /** Those that clients have asked for, the oldest first. */
  readonly #wanted = new Map<string, Kept>();
  readonly #pending = new Map<string, Promise<void>>();
  #host: CertificateHost | null = null;
  #look: ScheduledCall | null = null;
  #second = 0;
  #newInSecond = 0;
  #isClosed = false;

  constructor(parts: LocalSourceParts) {
    this.#parts = parts;
    this.#authority = new LocalAuthority(parts);
  }

  async load(): Promise<readonly CertificateMaterial[]> {
    const { names } = this.#parts;
    try {
      this.#own = [];
      for (const host of [machineNames(), ...names.map((name) => ({ names: [name], addresses: [] }))])
        this.#own.push({ host, material: await this.#issue(host) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw this.#parts.toError(`the local authority cannot be used: ${message}`);
    }
    return this.#all;
  }

  start(host: CertificateHost): void {
    this.#host = host;
    this.#lookLater();
  }

  async want(serverName: string): Promise<void> {
    if (this.#isClosed || this.#host === null || this.#wanted.has(serverName)) return;
    const pending = this.#pending.get(serverName);
    if (pending !== undefined) return pending;
    if (!this.#takeTurn()) return;
    const making = this.#make(serverName).finally(() => this.#pending.delete(serverName));
    this.#pending.set(serverName, making);
    return making;
  }

  close(): void {
    this.#isClosed = true;
    this.#look?.cancel();
    this.#look = null;
  }

  get #all(): readonly CertificateMaterial[] {
    return [...this.#own, ...this.#wanted.values()].map(({ material }) => material);
  }

  async #make(serverName: string): Promise<void> {
    const host = { names: [serverName], addresses: [] };
    try {
      const material = await this.#issue(host);
      if (this.#isClosed) return;
      this.#wanted.set(serverName, { host, material });
      if (this.#wanted.size > maxWanted) this.#wanted.delete(this.#wanted.keys().next().value!);
      await this.#host?.give(this.#all);
    } catch (error) {
      this.#parts.onError(error as Error);
    }
  }

  async #issue(host: HostNames): Promise<CertificateMaterial> {
    const { certPem, keyPem } = await this.#authority.issue(host);
    return readCertificate({ cert: certPem, key: keyPem }, this.#parts.scheduler.clock.wall()).material;
  }

  #takeTurn(): boolean {
    const second = Math.floor(this.#parts.scheduler.clock.now() / 1_000);
    if (second !== this.#second) this.#newInSecond = 0;
    this.#second = second;
    return ++this.#newInSecond <= maxNewASecond;
  }

  /** A machine that slept is late by that: certificates are replaced days before their end. */
  #lookLater(): void {
    if (!this.#isClosed) this.#look = this.#parts.scheduler.after(lookMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      const dueMs = this.#parts.scheduler.clock.wall() + lifetimes.host.beforeMs;
      const due = [...this.#own, ...this.#wanted.values()].filter(({ material }) => material.notAfterMs <= dueMs);
      for (const kept of due) kept.material = await this.#issue(kept.host);
      if (due.length > 0 && !this.#isClosed) await this.#host?.give(this.#all);
    } catch (error) {
      this.#parts.onError(error as Error);
    }
    this.#lookLater();
  }
}

/** What this machine may be called by its user. */
function machineNames(): HostNames {
  const addresses = new Set(["127.0.0.1", "::1"]);
  for (const list of Object.values(networkInterfaces()))
    for (const { address, internal, scopeid } of list ?? [])
      if (!internal && (scopeid ?? 0) === 0 && addresses.size < maxAddresses)
        addresses.add(normalizeIp(address) ?? address);
  const own = normalizeServerName(hostname());
  return { names: own === null || own === "localhost" ? ["localhost"] : ["localhost", own], addresses: [...addresses] };
}
