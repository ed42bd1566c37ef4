/** One certificate authority as this proxy knows it: its server, our account there, and how certificates are ordered. */
import type { Scheduler } from "../base/scheduler.ts";
import { AccountKey } from "./client/account-key.ts";
import { openAccount } from "./client/account.ts";
import { AcmeError, asRecord } from "./client/acme-error.ts";
import { AcmeSession } from "./client/acme-session.ts";
import { createHttpClient, type HttpClient } from "./client/https-request.ts";
import type { AcmeStore } from "./storage/acme-store.ts";
import { directoryKey } from "./stored-certificate.ts";

/** What is configured of an authority. */
export interface AuthorityOptions {
  readonly directoryUrl: string;
  /** The roots that its server is verified with; null: those that Node.js trusts. */
  readonly caPem: string | null;
  readonly eab: { readonly keyId: string; readonly hmacKey: string } | null;
  readonly profile: string | null;
  readonly preferredChain: string | null;
}

/** What an authority is given. */
export interface AuthorityParts {
  readonly options: AuthorityOptions;
  readonly email: string | null;
  readonly store: AcmeStore;
  readonly scheduler: Scheduler;
}

/** While another instance makes the key of the account. */
const keyPauseMs = 500;
const maxKeyTries = 60;

/** Opened when it is needed for the first time. */
export class Authority {
  readonly options: AuthorityOptions;
  readonly #parts: AuthorityParts;
  readonly #http: HttpClient;
  readonly #given = new AbortController();
  #session: Promise<AcmeSession> | null = null;

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
    this.options = parts.options;
    this.#http = createHttpClient({ caPem: parts.options.caPem });
  }

  /** Speaks with its server; without an account, as far as none is needed. */
  session(): Promise<AcmeSession> {
    this.#session ??= this.#open().catch((error: unknown) => {
      this.#session = null;
      throw error;
    });
    return this.#session;
  }

  /** The same, with our account: made, or looked up again, for the server may have forgotten it. */
  async accountSession(): Promise<AcmeSession> {
    const session = await this.session();
    await openAccount(session, { email: this.#parts.email, binding: this.options.eab });
    return session;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#given.abort();
    this.#http.close();
  }

  async #open(): Promise<AcmeSession> {
    return new AcmeSession({
      directoryUrl: this.options.directoryUrl,
      http: this.#http,
      key: await this.#accountKey(),
      wall: () => this.#parts.scheduler.clock.wall(),
      wait: (ms) => this.#wait(ms),
    });
  }

  /** Made once for each directory, whatever instance is the first. */
  async #accountKey(): Promise<AccountKey> {
    const { store } = this.#parts;
    const key = `accounts/${directoryKey(this.options.directoryUrl)}`;
    for (let tries = 1; ; tries++) {
      const known = readKey(key, await store.read(key));
      if (known !== null) return known;
      const lock = await store.lock(key.replace("/", "-"));
      try {
        if (lock !== null) {
          const meanwhile = readKey(key, await store.read(key));
          if (meanwhile !== null) return meanwhile;
          const made = AccountKey.generate();
          // If the lock is lost, another instance may have made one: of two accounts, one would be lost.
          if (!lock.isLost) {
            await store.write(key, JSON.stringify({ directoryUrl: this.options.directoryUrl, keyPem: made.toPem() }));
            return made;
          }
        }
      } finally {
        await lock?.release();
      }
      if (tries === maxKeyTries) throw new AcmeError({ type: "timeout", detail: `${key} is locked by somebody` });
      await this.#wait(keyPauseMs);
    }
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#given;
    const call = this.#parts.scheduler.after(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    const onAbort = (): void => {
      call.cancel();
      reject(new AcmeError({ type: "closed", detail: "given up" }));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    return promise;
  }
}

/** @throws AcmeError if it is damaged: another key would be another account, which may not be bound as this one is */
function readKey(key: string, text: string | null): AccountKey | null {
  if (text === null) return null;
  try {
    const { keyPem } = asRecord(JSON.parse(text));
    return AccountKey.fromPem(String(keyPem));
  } catch (error) {
    throw new AcmeError({
      type: "internal",
      detail: `${key} in the storage is damaged; bring it back, or remove it for a new account`,
      cause: error,
    });
  }
}
