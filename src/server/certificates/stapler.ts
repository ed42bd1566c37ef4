/**
 * Keeps an answer of the OCSP responder for every certificate that names one, so that handshakes never wait for it. They
 * are asked for in the background, a few at a time, at half of an answer's life; threads drop an answer that is
 * out of date. Certificates that name no responder, as most do today, cost nothing.
 */
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { ocspRequest, ocspSubjectOf, readOcspResponse, type OcspSubject, type Staple } from "../../net/tls/ocsp.ts";
import { pemCertificates } from "../../net/tls/pem.ts";
import type { CertificateMaterial } from "../../net/tls/tls-material.ts";
import type { Logger } from "../../observe/logger.ts";

/** How a question is asked: `fetch`, or what a test has in its place. @returns the answer's bytes */
export type AskResponder = (url: string, question: Buffer) => Promise<Buffer>;

/** What the stapler is made of. */
export interface StaplerParts {
  readonly logger: Logger;
  /** The staple of a certificate is another one, or gone. */
  onChange(): void;
  readonly scheduler?: Scheduler;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly ask?: AskResponder;
}

const askTimeoutMs = 10_000;
/** Questions at a time: a responder that is away for many certificates keeps others waiting less. */
const questionsAtOnce = 8;
const maxAnswerBytes = 65_536;
const shortestWaitMs = 60_000;
const longestWaitMs = 3_600_000;
/** Answers with a long life are renewed this often at least: a revocation shows that soon. */
const longestLifeMs = 86_400_000;

/** A certificate whose responder is asked. */
interface Subject {
  readonly certificate: CertificateMaterial;
  readonly url: string;
  readonly subject: OcspSubject;
  staple: Staple | null;
  dueMs: number;
  failures: number;
}

/** The staples of one proxy. */
export class Stapler {
  readonly #parts: StaplerParts;
  readonly #scheduler: Scheduler;
  readonly #ask: AskResponder;
  /** By the id of the certificate; null = it has no responder. */
  #subjects = new Map<string, Subject | null>();
  #next: ScheduledCall | null = null;
  #isAsking = false;
  #isClosed = false;

  constructor(parts: StaplerParts) {
    this.#parts = parts;
    this.#scheduler = parts.scheduler ?? systemScheduler;
    this.#ask = parts.ask ?? askByFetch;
  }

  /** The answer to staple now; null = there is none. */
  stapleOf(certificateId: string): Staple | null {
    return this.#subjects.get(certificateId)?.staple ?? null;
  }

  /** These are served from now on, and their responders are to be asked. */
  follow(certificates: Iterable<CertificateMaterial>): void {
    const subjects = new Map<string, Subject | null>();
    for (const certificate of certificates) {
      const known = this.#subjects.get(certificate.id);
      subjects.set(certificate.id, known === undefined ? this.#toSubject(certificate) : known);
    }
    this.#subjects = subjects;
    this.#arrange();
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.cancel();
  }

  #toSubject(certificate: CertificateMaterial): Subject | null {
    const url = certificate.responder;
    const subject = url === null ? null : ocspSubjectOf(pemCertificates(certificate.certPem));
    if (subject === null || url === null) return null;
    return { certificate, url, subject, staple: null, dueMs: this.#parts.now(), failures: 0 };
  }

  /** One call is arranged: for the first that is to be asked about. */
  #arrange(): void {
    this.#next?.cancel();
    this.#next = null;
    if (this.#isClosed || this.#isAsking) return;
    let firstMs = Infinity;
    for (const subject of this.#subjects.values()) if (subject !== null) firstMs = Math.min(firstMs, subject.dueMs);
    if (firstMs === Infinity) return;
    const delayMs = Math.min(Math.max(0, firstMs - this.#parts.now()), longestLifeMs);
    this.#next = this.#scheduler.after(delayMs, () => void this.#work());
  }

  async #work(): Promise<void> {
    this.#isAsking = true;
    let isChanged = false;
    const nowMs = this.#parts.now();
    const due = [...this.#subjects.values()].filter((subject) => subject !== null && subject.dueMs <= nowMs);
    const askNext = async (): Promise<void> => {
      for (let subject = due.shift(); subject != null && !this.#isClosed; subject = due.shift()) {
        // It may be served no longer.
        if (this.#subjects.get(subject.certificate.id) !== subject) continue;
        if (await this.#renew(subject)) isChanged = true;
      }
    };
    await Promise.all(Array.from({ length: questionsAtOnce }, askNext));
    this.#isAsking = false;
    if (this.#isClosed) return;
    if (isChanged) this.#parts.onChange();
    this.#arrange();
  }

  /** @returns whether there is another staple */
  async #renew(subject: Subject): Promise<boolean> {
    const { logger, now } = this.#parts;
    try {
      const answer = await this.#ask(subject.url, ocspRequest(subject.subject));
      const nowMs = now();
      const staple = readOcspResponse(answer, subject.subject, nowMs);
      const lifeMs = Math.min(staple.nextUpdateMs - nowMs, longestLifeMs);
      subject.staple = staple;
      subject.failures = 0;
      subject.dueMs = nowMs + Math.max(lifeMs / 2, shortestWaitMs);
      return true;
    } catch (error) {
      const waitMs = Math.min(shortestWaitMs * 2 ** subject.failures++, longestWaitMs);
      subject.dueMs = now() + waitMs;
      // The first failures are told; a responder that stays away says nothing new.
      if (subject.failures === 2)
        logger.warn("an OCSP responder gives nothing to staple", {
          names: subject.certificate.names.slice(0, 5).join(" "),
          url: subject.url,
          error: error instanceof Error ? error.message : String(error),
        });
      return false;
    }
  }
}

/** Asks over HTTP. @throws if there is no whole answer of a sensible length in time */
export async function askByFetch(url: string, question: Buffer, timeoutMs: number = askTimeoutMs): Promise<Buffer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/ocsp-request", accept: "application/ocsp-response" },
    body: new Uint8Array(question),
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok || response.body === null) throw new Error(`it answers with status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body) {
    byteCount += chunk.length;
    if (byteCount > maxAnswerBytes) throw new Error("its answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
