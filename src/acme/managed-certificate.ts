/**
 * One certificate for its whole life: read from the store, ordered, renewed in time, and ordered again after failures.
 * The one that is there is kept until there is a better one. Of several instances with one store, one asks the CA: the
 * lock is taken for the order, the store is read again under it, and the others take what it has stored.
 */
import { X509Certificate } from "node:crypto";
import type { RandomSource } from "../base/random.ts";
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";
import { formatDuration } from "../base/units.ts";
import { type CertificateError, readCertificate } from "../net/tls/read-certificate.ts";
import type { CertificateMaterial } from "../net/tls/tls-material.ts";
import type { Logger } from "../observe/logger.ts";
import type { Authority } from "./authority.ts";
import { AcmeError, isNobodysFailure } from "./client/acme-error.ts";
import { certifiedNames } from "./client/certificate-chain.ts";
import { certificateIdOf, fetchRenewalInfo, type RenewalInfo } from "./client/renewal-info.ts";
import { decideRenewalTime } from "./renewal-time.ts";
import { decideRetryDelay, longestRetryMs } from "./retry-time.ts";
import type { AcmeStore, StoreLock } from "./storage/acme-store.ts";
import {
  directoryKey,
  namesKey,
  readStoredCertificate,
  readStoredFailure,
  type StoredCertificate,
  type StoredFailure,
} from "./stored-certificate.ts";

/** What the owner of managed certificates offers to each. */
export interface ManagedCertificateHost {
  readonly store: AcmeStore;
  /** Not empty; the first one's directory names the place in the store. */
  readonly authorities: readonly Authority[];
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  readonly logger: Logger;
  /** Tells options from others: a failure with other options is forgotten. */
  readonly optionsDigest: string;
  /** Orders, as long as the lock is held; @throws AcmeError */
  issue(names: readonly string[], previous: StoredCertificate | null, lock: StoreLock): Promise<StoredCertificate>;
  /** There is another certificate. */
  onChange(): Promise<void>;
  /** An order has ended. */
  onOrder(result: "issued" | "renewed" | "failed"): void;
}

/** While another instance orders it. */
const lockedPauseMs = 3_000;
/** If the store cannot be asked; twice as long each time, for many certificates say so. */
const [brokenPauseMs, longestBrokenPauseMs] = [30_000, 900_000];
/** A certificate that is due as soon as it is there (a clock that is wrong, a CA that is) is not ordered in a loop. */
const leastBetweenOrdersMs = 3_600_000;
/** Timers do not reach further than some days, and the machine may sleep. */
const maxPauseMs = 6 * 3_600_000;

/** What is used at the moment. */
interface Held {
  readonly stored: StoredCertificate;
  readonly material: CertificateMaterial;
  readonly id: string;
}

/** Keeps one set of names certified. */
export class ManagedCertificate {
  readonly names: readonly string[];
  readonly #host: ManagedCertificateHost;
  readonly #storeKey: string;
  readonly #lockName: string;
  #held: Held | null = null;
  #info: RenewalInfo | null = null;
  /** When the CA is asked for a window again. */
  #askInfoMs = 0;
  /** As the store has it, or would have it if it could be written. */
  #failure: StoredFailure | null = null;
  /** Issued, but not stored yet. */
  #isUnsaved = false;
  /** How often in a row the store could not be asked. */
  #brokenLooks = 0;
  /** When the last order succeeded, by the clock that is never set. */
  #orderedMs = Number.NEGATIVE_INFINITY;
  #call: ScheduledCall | null = null;
  #isClosed = false;
  readonly #firstLook = Promise.withResolvers<void>();

  constructor(names: readonly string[], host: ManagedCertificateHost) {
    this.names = names;
    this.#host = host;
    const first = host.authorities[0]?.options.directoryUrl ?? "";
    this.#storeKey = `${directoryKey(first)}/${namesKey(names)}`;
    this.#lockName = this.#storeKey.replaceAll("/", "-");
  }

  /** null as long as there is none. It may have expired, if it could not be renewed. */
  get material(): CertificateMaterial | null {
    return this.#held?.material ?? null;
  }

  /** The last order failed. */
  get isFailing(): boolean {
    return this.#failure !== null;
  }

  /** Resolves when it was tried once to have one, with or without success. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise;
  }

  /** Reads what is in the store. @throws if the store cannot be asked */
  async load(): Promise<void> {
    this.#failure = readStoredFailure(await this.#host.store.read(`failures/${this.#storeKey}`));
    const stored = await this.#readStore();
    // It may come late, when there is another one already.
    this.#held ??= stored;
  }

  /** Begins to care for it. */
  start(): void {
    this.#schedule(0);
  }

  close(): void {
    this.#isClosed = true;
    this.#call?.cancel();
    this.#call = null;
    this.#firstLook.resolve();
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return;
    this.#call = this.#host.scheduler.after(Math.max(0, Math.min(ms, maxPauseMs)), () => void this.#run());
  }

  async #run(): Promise<void> {
    let pauseMs: number;
    try {
      pauseMs = await this.#look();
      this.#brokenLooks = 0;
    } catch (error) {
      this.#warn("the storage of certificates cannot be used", { error });
      pauseMs = Math.min(brokenPauseMs * 2 ** this.#brokenLooks++, longestBrokenPauseMs);
    }
    this.#firstLook.resolve();
    this.#schedule(pauseMs);
  }

  /** Does what is due. @returns milliseconds until it is to look again */
  async #look(): Promise<number> {
    if (this.#isUnsaved) await this.#save();
    if (this.#held !== null) {
      await this.#refreshInfo(this.#held);
      const dueMs = this.#renewalMs(this.#held, this.#info) - this.#wall();
      if (dueMs > 0) return Math.max(1_000, Math.min(dueMs, this.#askInfoMs - this.#wall()));
      const sinceMs = this.#host.scheduler.clock.now() - this.#orderedMs;
      if (sinceMs < leastBetweenOrdersMs) return leastBetweenOrdersMs - sinceMs;
    }
    if (await this.#adopt()) return 0;
    const waitMs = this.#remainingWaitMs();
    if (waitMs > 0) return waitMs;
    const lock = await this.#host.store.lock(this.#lockName);
    // The other stores what it gets.
    if (lock === null) return lockedPauseMs * (1 + this.#host.random());
    try {
      // Somebody may have had the lock until now.
      if (await this.#adopt()) return 0;
      this.#failure = readStoredFailure(await this.#host.store.read(`failures/${this.#storeKey}`));
      const meanwhileMs = this.#remainingWaitMs();
      return meanwhileMs > 0 ? meanwhileMs : await this.#order(lock);
    } finally {
      await lock.release();
    }
  }

  async #order(lock: StoreLock): Promise<number> {
    const previous = this.#held;
    let held: Held;
    try {
      held = await this.#obtain(previous, lock);
    } catch (error) {
      if (this.#isClosed) return maxPauseMs;
      const acmeError = toAcmeError(error);
      if (!isNobodysFailure(acmeError)) return this.#noteFailure(acmeError);
      this.#warn("an order was given up, for another instance may have placed it meanwhile", { error });
      return lockedPauseMs * (1 + this.#host.random());
    }
    if (this.#isClosed) return 0;
    this.#held = held;
    this.#orderedMs = this.#host.scheduler.clock.now();
    this.#info = null;
    this.#askInfoMs = 0;
    this.#isUnsaved = true;
    this.#failure = null;
    this.#host.onOrder(previous === null ? "issued" : "renewed");
    this.#host.logger.info(previous === null ? "certificate issued" : "certificate renewed", {
      names: this.names,
      by: new URL(held.stored.directoryUrl).host,
      until: new Date(held.material.notAfterMs).toISOString(),
    });
    await this.#host.onChange();
    await this.#save();
    return 0;
  }

  /** @throws AcmeError, and whatever else ends an order: the next one waits as after any failure */
  async #obtain(previous: Held | null, lock: StoreLock): Promise<Held> {
    const stored = await this.#host.issue(this.names, previous?.stored ?? null, lock);
    const held = await this.#hold(stored);
    if (held === null) throw new AcmeError({ type: "malformed", detail: "the CA has sent what cannot be used" });
    return held;
  }

  async #noteFailure(error: AcmeError): Promise<number> {
    const count = (this.#failure?.count ?? 0) + 1;
    const remainingMs = this.#held === null ? null : this.#held.material.notAfterMs - this.#wall();
    const { retryAfterMs } = error;
    const delayMs = decideRetryDelay({ count, retryAfterMs, remainingMs, random: this.#host.random });
    const { optionsDigest } = this.#host;
    this.#failure = { count, nextTryMs: this.#wall() + delayMs, error: error.message, optionsDigest };
    this.#host.onOrder("failed");
    this.#warn(this.#held === null ? "no certificate could be issued" : "a certificate could not be renewed", {
      error,
      again: `in ${formatDuration(Math.round(delayMs / 1_000) * 1_000)}`,
      ...(this.#held === null ? {} : { until: new Date(this.#held.material.notAfterMs).toISOString() }),
    });
    await this.#host.store.write(`failures/${this.#storeKey}`, JSON.stringify(this.#failure));
    return delayMs;
  }

  #warn(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#host.logger.warn(message, { names: this.names, ...fields });
  }

  async #save(): Promise<void> {
    if (this.#held === null) return;
    await this.#host.store.write(`certificates/${this.#storeKey}`, JSON.stringify(this.#held.stored));
    this.#isUnsaved = false;
    await this.#host.store.remove(`failures/${this.#storeKey}`);
  }

  #wall(): number {
    return this.#host.scheduler.clock.wall();
  }

  #remainingWaitMs(): number {
    const failure = this.#failure;
    if (failure === null || failure.optionsDigest !== this.#host.optionsDigest) return 0;
    const leftMs = failure.nextTryMs - this.#wall();
    // Nobody waits that long: the clock was wrong when it was written, or is now.
    return leftMs > 2 * longestRetryMs ? 0 : leftMs;
  }

  #renewalMs({ id, material: { notBeforeMs, notAfterMs } }: Held, info: RenewalInfo | null): number {
    return decideRenewalTime({ certificateId: id, notBeforeMs, notAfterMs, info });
  }

  /** Takes what another instance has stored. @returns whether it is better than what is there */
  async #adopt(): Promise<boolean> {
    const held = await this.#readStore();
    if (held === null || held.id === this.#held?.id || this.#renewalMs(held, null) <= this.#wall()) return false;
    this.#held = held;
    this.#info = null;
    this.#askInfoMs = 0;
    this.#failure = null;
    await this.#host.onChange();
    return true;
  }

  async #readStore(): Promise<Held | null> {
    const stored = readStoredCertificate(await this.#host.store.read(`certificates/${this.#storeKey}`));
    if (stored === null || !this.names.every((name) => stored.names.includes(name))) return null;
    return this.#hold(stored);
  }

  /** @returns null if it cannot be used */
  async #hold(stored: StoredCertificate): Promise<Held | null> {
    try {
      const { material } = readCertificate({ cert: stored.certPem, key: stored.keyPem }, this.#wall());
      const names = certifiedNames(new X509Certificate(stored.certPem));
      if (!this.names.every((name) => names.includes(name))) return null;
      return { stored, material, id: (await certificateIdOf(stored.certPem)) ?? material.id };
    } catch (error) {
      this.#warn("a certificate cannot be used", { error: error as CertificateError });
      return null;
    }
  }

  /** Asks the CA when it wants the certificate to be renewed. It is never needed: whatever goes wrong, there is a time. */
  async #refreshInfo({ id, stored }: Held): Promise<void> {
    if (this.#wall() < this.#askInfoMs) return;
    this.#askInfoMs = this.#wall() + maxPauseMs;
    const authority = this.#host.authorities.find(({ options }) => options.directoryUrl === stored.directoryUrl);
    if (authority === undefined) return;
    try {
      const info = await fetchRenewalInfo(await authority.session(), id);
      this.#info = info;
      if (info !== null) this.#askInfoMs = info.askAgainMs;
    } catch (error) {
      this.#host.logger.debug("the CA did not say when to renew", { names: this.names, error });
    }
  }
}

function toAcmeError(error: unknown): AcmeError {
  if (error instanceof AcmeError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new AcmeError({ type: "internal", detail, cause: error });
}
