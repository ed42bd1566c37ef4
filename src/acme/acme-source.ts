/**
 * The certificates of one listener that a certificate authority is asked for by ACME: those of the configured names, and
 * those that clients ask for, if that is allowed. Lives in the control thread and never keeps a start waiting.
 */
import { createHash } from "node:crypto";
import type { RandomSource } from "../base/random.ts";
import type { Scheduler } from "../base/scheduler.ts";
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import type { CertificateHost, CertificateSource, ChallengeKind } from "../net/tls/certificate-source.ts";
import type { CertificateMaterial } from "../net/tls/tls-material.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { StoreOptions } from "../store/options.ts";
import { type AcmeFiles, readAuthorities } from "./acme-files.ts";
import { Authority } from "./authority.ts";
import type { ChallengeSolver } from "./challenges/challenge.ts";
import { createCommandHook, createFunctionHook, type RecordChange } from "./challenges/dns-hook.ts";
import { createDnsSolver } from "./challenges/dns-solver.ts";
import { ForeignChallenges } from "./challenges/foreign-challenges.ts";
import { withLoggedRemoval } from "./challenges/logged-removal.ts";
import { createAlpnSolver, createHttpSolver } from "./challenges/shared-challenges.ts";
import { AcmeError } from "./client/acme-error.ts";
import { createHttpClient } from "./client/https-request.ts";
import { issueCertificate } from "./issue-certificate.ts";
import { ManagedCertificate, type ManagedCertificateHost } from "./managed-certificate.ts";
import { openStorage } from "./open-storage.ts";
import { Permission } from "./permission.ts";
import { Slots } from "./slots.ts";
import type { AcmeStore } from "./storage/acme-store.ts";

/** What a source is given. */
export interface AcmeSourceParts {
  /** The name of the listener. */
  readonly listener: string;
  readonly options: AcmeOptions;
  /** What `options.storage.store` names; null if it names nothing. */
  readonly store: StoreOptions | null;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly metrics: MetricWriter;
  readonly files: AcmeFiles;
  /** The function that `dns.hook` refers to; null if that is a command, or nothing. */
  readonly dnsHook: ((change: RecordChange) => unknown) | null;
}

/** Orders at a time. */
const maxOrders = 4;
/** A start does not wait longer for the store; what is in it comes later then. */
const loadMs = 5_000;

/** Gives what is in the store at once, and the rest when it is issued. */
export class AcmeSource implements CertificateSource {
  readonly #parts: AcmeSourceParts;
  readonly #slots = new Slots(maxOrders);
  #store: AcmeStore | null = null;
  #authorities: readonly Authority[] = [];
  #solvers: readonly ChallengeSolver[] = [];
  #permission: Permission | null = null;
  readonly #closing: (() => void)[] = [];
  #managed: readonly ManagedCertificate[] = [];
  /** By name. */
  readonly #onDemand = new Map<string, ManagedCertificate>();
  /** Handshakes wait for these. */
  readonly #wanted = new Map<string, Promise<void>>();
  #host: CertificateHost | null = null;
  #foreign: ForeignChallenges | null = null;
  /** What the store could not say in time; null = it could. */
  #late: Promise<unknown> | null = null;

  /** Absent if nothing is issued on demand. */
  readonly want?: (serverName: string) => Promise<void>;

  constructor(parts: AcmeSourceParts) {
    this.#parts = parts;
    if (parts.options.onDemand !== null) this.want = (serverName) => this.#wantName(serverName);
  }

  async load(): Promise<readonly CertificateMaterial[]> {
    const { options, store: named, scheduler, files, logger } = this.#parts;
    const store = await openStorage({
      storage: options.storage,
      store: named,
      scheduler,
      readFile: (path) => files.read(path),
    });
    this.#store = store;
    const authorities = await readAuthorities(options, files);
    this.#authorities = authorities.map(
      (authority) => new Authority({ options: authority, email: options.email, store, scheduler }),
    );
    this.#managed = options.domains.map(
      (names) =>
        new ManagedCertificate(typeof names === "string" ? [names] : [...new Set(names)], this.#managedHost(store)),
    );
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const call = scheduler.after(loadMs, () => resolve("late"));
    try {
      // One that cannot be read takes no other one with it.
      const loads = Promise.allSettled(this.#managed.map((one) => one.load()));
      const loaded = await Promise.race([loads, late]);
      if (loaded === "late") {
        this.#late = loads;
        logger.warn("the storage of certificates does not answer; they come later");
      } else {
        const failed = loaded.find((one) => one.status === "rejected");
        if (failed !== undefined)
          logger.warn("the storage of certificates cannot be read; it is tried again", { error: failed.reason });
      }
    } finally {
      call.cancel();
    }
    return this.#materials();
  }

  start(host: CertificateHost): void {
    const store = this.#store;
    if (store === null) return;
    const { options, scheduler } = this.#parts;
    this.#host = host;
    this.#foreign = new ForeignChallenges({ store, host, scheduler });
    const parts = { store, host, wall: () => scheduler.clock.wall() };
    this.#solvers = options.challenge.map((type) => {
      const solver =
        type === "http-01"
          ? createHttpSolver(parts)
          : type === "tls-alpn-01"
            ? createAlpnSolver(parts)
            : this.#createDnsSolver();
      return withLoggedRemoval(solver, this.#parts.logger);
    });
    if (options.onDemand !== null) {
      const http = createHttpClient({ caPem: null, timeoutMs: options.onDemand.timeout });
      this.#closing.push(() => http.close());
      this.#permission = new Permission({ options: options.onDemand, http, clock: scheduler.clock });
    }
    for (const one of this.#managed) one.start();
    void this.#late?.then(() => this.#give());
  }

  #wantName(serverName: string): Promise<void> {
    const permission = this.#permission;
    const store = this.#store;
    if (permission === null || store === null || permission.isRefused(serverName)) return Promise.resolve();
    const known = this.#onDemand.get(serverName);
    if (known !== undefined) return known.firstLook;
    const wanted = this.#wanted.get(serverName);
    if (wanted !== undefined) return wanted;
    const made = this.#begin(serverName, { permission, store })
      .catch((error: unknown) => {
        this.#parts.logger.warn("no certificate on demand", { name: serverName, error });
        permission.refuse(serverName);
      })
      .finally(() => this.#wanted.delete(serverName));
    this.#wanted.set(serverName, made);
    return made;
  }

  async wantChallenge(kind: ChallengeKind, name: string): Promise<void> {
    await this.#foreign?.want(kind, name);
  }

  close(): void {
    for (const one of [...this.#managed, ...this.#onDemand.values()]) one.close();
    for (const authority of this.#authorities) authority.close();
    for (const close of this.#closing) close();
    // After the orders that were given up have taken their proofs away.
    const store = this.#store;
    this.#store = null;
    this.#foreign = null;
    if (store !== null) void this.#slots.idle().then(() => store.close());
  }

  /** The first handshake of a name: whether it may have a certificate, and then the certificate. */
  async #begin(name: string, { permission, store }: { permission: Permission; store: AcmeStore }): Promise<void> {
    const { options } = this.#parts;
    if (this.#onDemand.size >= (options.onDemand?.maxNames ?? 0)) return permission.refuse(name);
    const certificate = new ManagedCertificate([name], {
      ...this.#managedHost(store),
      issue: async (names, previous, lock) => {
        // Who has left gets no certificate any more.
        if (previous !== null && !(await permission.ask(name)))
          throw new AcmeError({ type: "refused", detail: `nobody allows a certificate for ${name} any more` });
        return this.#issue(names, previous, lock);
      },
    });
    await certificate.load();
    if (certificate.material === null) {
      if (!(await permission.ask(name))) return;
      if (!permission.takeOrder()) return permission.refuse(name);
    }
    if (this.#store === null) return;
    this.#onDemand.set(name, certificate);
    if (certificate.material !== null) await this.#give();
    certificate.start();
    await certificate.firstLook;
    if (certificate.material !== null) return;
    // Nothing is kept of a name that could not be certified but its failure, which says when it may be tried again.
    certificate.close();
    this.#onDemand.delete(name);
    permission.refuse(name);
  }

  #managedHost(store: AcmeStore): ManagedCertificateHost {
    const { listener, options, scheduler, random, logger, metrics } = this.#parts;
    return {
      store,
      authorities: this.#authorities,
      scheduler,
      random,
      logger,
      optionsDigest: createHash("sha256").update(JSON.stringify(options)).digest("base64url"),
      issue: (names, previous, lock) => this.#issue(names, previous, lock),
      onChange: () => this.#give(),
      onOrder: (result) => {
        metrics.counter(families.acmeOrders, [listener, result]).add(1);
        metrics.gauge(families.acmeFailing, [listener]).set(this.#all().filter((one) => one.isFailing).length);
      },
    };
  }

  #issue(
    ...[names, previous, lock]: Parameters<ManagedCertificateHost["issue"]>
  ): ReturnType<ManagedCertificateHost["issue"]> {
    return this.#slots.run(() =>
      issueCertificate({
        names,
        previous,
        lock,
        keyKind: this.#parts.options.key,
        authorities: this.#authorities,
        solvers: this.#solvers,
        onNextAuthority: (failed, error) =>
          this.#parts.logger.warn("an authority has issued no certificate; the next one is asked", {
            names,
            authority: failed,
            error,
          }),
      }),
    );
  }

  #createDnsSolver(): ChallengeSolver {
    const { options, scheduler, dnsHook } = this.#parts;
    const { hook = [], timeout = 0, wait = 0, resolvers = [] } = options.dns ?? {};
    return createDnsSolver({
      hook:
        dnsHook === null
          ? createCommandHook(Array.isArray(hook) ? hook : [], timeout)
          : createFunctionHook(dnsHook, timeout),
      waitMs: wait,
      resolvers,
      wait: (ms) => new Promise((resolve) => void scheduler.after(ms, resolve)),
    });
  }

  #all(): ManagedCertificate[] {
    return [...this.#managed, ...this.#onDemand.values()];
  }

  #materials(): CertificateMaterial[] {
    return this.#all().flatMap(({ material }) => material ?? []);
  }

  async #give(): Promise<void> {
    await this.#host?.give(this.#materials());
  }
}
