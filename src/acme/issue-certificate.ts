/**
 * Gets a certificate from whoever gives it: the authorities in their order, and at each the challenges in theirs. What
 * is not the fault of a challenge (limits, no connection) is not tried again with another.
 */
import type { Authority } from "./authority.ts";
import type { ChallengeSolver } from "./challenges/challenge.ts";
import { AcmeError, isNobodysFailure } from "./client/acme-error.ts";
import { assertChain, choosePreferredChain, readChain } from "./client/certificate-chain.ts";
import { createCertificateRequest, type KeyKind } from "./client/certificate-request.ts";
import { placeOrder } from "./client/order.ts";
import { certificateIdOf } from "./client/renewal-info.ts";
import type { StoreLock } from "./storage/acme-store.ts";
import type { StoredCertificate } from "./stored-certificate.ts";

/** What is to be issued, and by whom. */
export interface IssueRequest {
  readonly names: readonly string[];
  readonly keyKind: KeyKind;
  readonly authorities: readonly Authority[];
  readonly solvers: readonly ChallengeSolver[];
  /** What it takes the place of; null if there is none. */
  readonly previous: StoredCertificate | null;
  /** The lock that is held while it is ordered. */
  readonly lock: StoreLock;
  /** An authority, by its host, has not given it, and the next one is asked. */
  onNextAuthority(failed: string, error: AcmeError): void;
}

/** Failures that another way of proving a name may not have (RFC 8555, section 6.7). */
const challengeFailures: ReadonlySet<string> = new Set([
  "challenge",
  "connection",
  "dns",
  "incorrectResponse",
  "tls",
  "unauthorized",
  "order",
]);

/** @throws AcmeError if nobody gives it; the first authority's error, with what the others said */
export async function issueCertificate(request: IssueRequest): Promise<StoredCertificate> {
  const errors: AcmeError[] = [];
  for (const authority of request.authorities) {
    const failed = errors.at(-1);
    if (failed !== undefined) request.onNextAuthority(hostOf(request.authorities[errors.length - 1]), failed);
    try {
      return await issueBy(authority, request);
    } catch (error) {
      if (!(error instanceof AcmeError) || isNobodysFailure(error)) throw error;
      errors.push(error);
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) throw new AcmeError({ type: "challenge", detail: "there is nobody to ask" });
  if (others.length === 0) throw first;
  const waits = errors.map(({ retryAfterMs }) => retryAfterMs);
  throw new AcmeError({
    type: first.type,
    detail: errors.map(({ message }, at) => `${hostOf(request.authorities[at])}: ${message}`).join("; "),
    // One of them may be asked again when the shortest is over.
    retryAfterMs: waits.includes(null) ? null : Math.min(...waits.map((ms) => ms ?? 0)),
    cause: first,
  });
}

async function issueBy(authority: Authority, request: IssueRequest): Promise<StoredCertificate> {
  const isWild = request.names.some((name) => name.startsWith("*."));
  const solvers = request.solvers.filter(({ type }) => !isWild || type === "dns-01");
  let failure = new AcmeError({ type: "challenge", detail: "no challenge is configured that proves these names" });
  for (const solver of solvers) {
    try {
      return await issueWith(authority, solver, request);
    } catch (error) {
      if (!(error instanceof AcmeError) || !challengeFailures.has(error.type)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function issueWith(
  authority: Authority,
  solver: ChallengeSolver,
  request: IssueRequest,
): Promise<StoredCertificate> {
  const { names, keyKind, previous, lock } = request;
  const { directoryUrl, profile, preferredChain } = authority.options;
  const session = await authority.accountSession();
  const accountUrl = session.accountUrl ?? "";
  const { csr, keyPem } = await createCertificateRequest(names, keyKind);
  const { renewalInfo } = await session.directory();
  // Another CA, or another account, does not know the certificate.
  const isKnown = renewalInfo !== null && previous?.directoryUrl === directoryUrl && previous.accountUrl === accountUrl;
  const replaces = isKnown ? await certificateIdOf(previous.certPem) : null;
  const place = (ofReplaces: string | null) =>
    placeOrder(session, { names, solver, csr, profile, replaces: ofReplaces, isLost: () => lock.isLost });
  const answer = await place(replaces).catch((error: unknown) => {
    // Whatever the CA has against it (alreadyReplaced, malformed, another account): it must not end renewals for ever.
    // A failed validation is an error without a status.
    const isRefused = error instanceof AcmeError && error.status >= 400 && error.status < 500;
    if (replaces === null || !isRefused || error.type === "rateLimited") throw error;
    return place(null);
  });
  const certPem = await choosePreferredChain(session, answer, preferredChain);
  assertChain(certPem, { keyPem, names, wallMs: session.wall() });
  return { names, keyPem, certPem: readChain(certPem).map(String).join(""), directoryUrl, accountUrl };
}

function hostOf(authority: Authority | undefined): string {
  return authority === undefined ? "" : new URL(authority.options.directoryUrl).host;
}
