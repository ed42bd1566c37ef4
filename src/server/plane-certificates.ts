/** What a data plane knows of TLS: certificates, rules and challenges, and the choices of each listener. */
import type { WantedKind } from "../net/tls/certificate-source.ts";
import { ContextCache } from "../net/tls/context-cache.ts";
import { nodeTls } from "../net/tls/node-tls.ts";
import { ServerContexts } from "../net/tls/server-contexts.ts";
import { noTlsMaterial, type TlsMaterial } from "../net/tls/tls-material.ts";

/** Asks the control thread for what is missing; resolves when it is there, or will not be. */
export type WantCertificate = (listenerName: string, name: string, kind: WantedKind) => Promise<void>;

/** Names that certificates are awaited for at a time; more get what a name without a certificate gets. */
const maxAwaitedNames = 100;

/** The certificates of one thread. */
export class PlaneCertificates {
  readonly #cache = new ContextCache();
  readonly #want: WantCertificate;
  readonly #contexts = new Map<string, ServerContexts>();
  readonly #awaited = new Map<string, Promise<void>>();
  #material: TlsMaterial = noTlsMaterial;

  constructor(want: WantCertificate) {
    this.#want = want;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** From now on this holds; connections that are open keep what they have. */
  take(material: TlsMaterial): void {
    if (material === this.#material) return;
    this.#material = material;
    if (material.listeners.size > 0) nodeTls();
    this.#cache.retain(material.certificates);
    for (const [name, contexts] of this.#contexts) {
      if (material.listeners.has(name)) contexts.take(material, name);
      // Whoever came to a listener that is gone, or has another name now, has its handshake made as it was.
      else this.#contexts.delete(name);
    }
  }

  /** The choices of this listener: one object, whatever is taken later. */
  of(listenerName: string): ServerContexts {
    const known = this.#contexts.get(listenerName);
    if (known !== undefined) return known;
    const contexts = new ServerContexts(this.#cache, (name, kind) => this.#await(listenerName, name, kind));
    contexts.take(this.#material, listenerName);
    this.#contexts.set(listenerName, contexts);
    return contexts;
  }

  /** What answers an HTTP-01 challenge (RFC 8555 section 8.3); null = the token is none of ours. */
  keyAuthorizationOf(token: string): string | null {
    return this.#material.challenges.http.get(token) ?? null;
  }

  /** Challenges are answered: requests are to be looked at for that. */
  get hasChallenges(): boolean {
    const { http, isShared } = this.#material.challenges;
    return http.size > 0 || isShared;
  }

  /** Other instances may know tokens that are not known here: `wantHttpChallenge` asks. */
  get areChallengesShared(): boolean {
    return this.#material.challenges.isShared;
  }

  /** Resolves when the token is known, or will not be. Never rejects. */
  wantHttpChallenge(listenerName: string, token: string): Promise<void> {
    return this.#await(listenerName, token, "http-challenge");
  }

  #await(listenerName: string, name: string, kind: WantedKind): Promise<void> {
    const key = `${kind} ${listenerName} ${name}`;
    const awaited = this.#awaited.get(key);
    if (awaited !== undefined) return awaited;
    if (this.#awaited.size >= maxAwaitedNames) return Promise.resolve();
    const asked = this.#want(listenerName, name, kind)
      .catch(() => {})
      .finally(() => this.#awaited.delete(key));
    this.#awaited.set(key, asked);
    return asked;
  }
}
