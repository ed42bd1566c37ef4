/**
 * A certificate authority of this machine: a root that is made once and lives for ten years, and below it an
 * intermediate that is replaced in time, so that what browsers trust is used seldom. Several processes share the folder;
 * whoever is first makes what is missing.
 */
import { randomBytes } from "node:crypto";
import type { Scheduler } from "../base/scheduler.ts";
import { FolderStore } from "../acme/storage/folder-store.ts";
import { type HostNames, Issuer, type IssuerTexts } from "./issuer.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How long certificates last, and how long before their end they are replaced. */
export const lifetimes = {
  root: { forMs: 3_650 * dayMs, beforeMs: 90 * dayMs },
  intermediate: { forMs: 90 * dayMs, beforeMs: 30 * dayMs },
  host: { forMs: 7 * dayMs, beforeMs: 3 * dayMs },
} as const;

/** Clocks of clients are late now and then. */
const earlierMs = hourMs;
/** Another process makes it: how often and how long that is waited for. */
const waitMs = 50;
const maxWaits = 200;

/** A certificate of a host, with what issued it. */
export interface HostCertificate {
  /** PEM: the certificate, then the intermediate. */
  readonly certPem: string;
  readonly keyPem: string;
}

/** What an authority is made of. */
export interface AuthorityParts {
  readonly folder: string;
  readonly scheduler: Scheduler;
}

/** An issuer that there has to be. */
interface Wanted {
  readonly key: "root" | "intermediate";
  readonly kept: Issuer | null;
  /** It belongs to what there is else. */
  readonly isOurs: (issuer: Issuer) => boolean;
  readonly create: () => Promise<Issuer>;
}

/** The authority of one folder. */
export class LocalAuthority {
  readonly #store: FolderStore;
  readonly #scheduler: Scheduler;
  #root: Issuer | null = null;
  #intermediate: Issuer | null = null;

  constructor({ folder, scheduler }: AuthorityParts) {
    this.#store = new FolderStore(folder, scheduler);
    this.#scheduler = scheduler;
  }

  /** The root (PEM), which is made if there is none. @throws the system's error if the folder cannot be used */
  async root(): Promise<string> {
    return (await this.#currentRoot()).texts.certPem;
  }

  /** The root (PEM) if there is one; nothing is made. */
  async knownRoot(): Promise<string | null> {
    return (await this.#read("root"))?.texts.certPem ?? null;
  }

  /** A new certificate for a host. It does not outlive what issued it. */
  async issue(host: HostNames): Promise<HostCertificate> {
    const intermediate = await this.#currentIntermediate();
    const now = this.#now();
    const { certPem, keyPem } = await intermediate.createHost(host, {
      subject: `CN=${host.names[0] ?? host.addresses[0] ?? "host"}`,
      notBeforeMs: now - earlierMs,
      notAfterMs: now + lifetimes.host.forMs,
    });
    return { certPem: certPem + intermediate.texts.certPem, keyPem };
  }

  #now(): number {
    return this.#scheduler.clock.wall();
  }

  async #currentRoot(): Promise<Issuer> {
    this.#root = await this.#current({
      key: "root",
      kept: this.#root,
      isOurs: () => true,
      create: () =>
        Issuer.createRoot({
          // Stores tell roots apart by their names.
          subject: `CN=Millrace local authority ${randomBytes(4).toString("hex")}, O=Millrace`,
          notBeforeMs: this.#now() - earlierMs,
          notAfterMs: this.#now() + lifetimes.root.forMs,
        }),
    });
    return this.#root;
  }

  async #currentIntermediate(): Promise<Issuer> {
    const root = await this.#currentRoot();
    this.#intermediate = await this.#current({
      key: "intermediate",
      kept: this.#intermediate,
      isOurs: (issuer) => issuer.isIssuedBy(root),
      create: () =>
        root.createIntermediate({
          subject: "CN=Millrace local intermediate, O=Millrace",
          notBeforeMs: this.#now() - earlierMs,
          notAfterMs: this.#now() + lifetimes.intermediate.forMs,
        }),
    });
    return this.#intermediate;
  }

  /** `kept` while it lasts, else what another process has made meanwhile, else a new one. */
  async #current({ key, kept, isOurs, create }: Wanted): Promise<Issuer> {
    const { beforeMs } = lifetimes[key];
    const lasts = (issuer: Issuer | null): issuer is Issuer =>
      issuer !== null &&
      issuer.notAfterMs - this.#now() > beforeMs &&
      // A clock that is late must not cost the root that browsers trust; an intermediate is made again.
      (key === "root" || issuer.notBeforeMs <= this.#now() + hourMs) &&
      isOurs(issuer);
    if (lasts(kept)) return kept;
    for (let waits = 0; ; waits++) {
      const stored = await this.#read(key);
      if (lasts(stored)) return stored;
      const lock = await this.#store.lock(key);
      if (lock === null) {
        if (waits >= maxWaits) throw new Error(`the lock "${key}" is held by another process`);
        await new Promise<void>((resolve) => void setTimeout(resolve, waitMs));
        continue;
      }
      try {
        // It may have been made between the look and the lock.
        const latest = await this.#read(key);
        if (lasts(latest)) return latest;
        const created = await create();
        await this.#store.write(key, JSON.stringify(created.texts));
        return created;
      } finally {
        await lock.release();
      }
    }
  }

  /**
   * Null = there is none, or an intermediate that cannot be used, which is replaced. @throws for a root that cannot be
   * used: browsers may trust it, and would not trust another
   */
  async #read(key: Wanted["key"]): Promise<Issuer | null> {
    const text = await this.#store.read(key);
    if (text === null) return null;
    try {
      const { certPem, keyPem } = JSON.parse(text) as Partial<IssuerTexts>;
      return await Issuer.read({ certPem: String(certPem), keyPem: String(keyPem) });
    } catch {
      if (key === "root")
        throw new Error(
          "the file root.json of the local authority is damaged; bring it back, or remove it and trust the new root",
        );
      return null;
    }
  }
}
