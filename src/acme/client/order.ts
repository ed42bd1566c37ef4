/**
 * One order (RFC 8555, section 7.4): names are authorized by challenges of one type, then a certificate is asked for
 * and fetched. All proofs are shown before the CA is told to look, so that a name and its wildcard, which share one TXT
 * name, stand beside each other; all are taken away afterwards, whatever has become of the order.
 */
import type { Challenge, ChallengeSolver } from "../challenges/challenge.ts";
import { AcmeError, asRecord, readProblem } from "./acme-error.ts";
import type { AcmeAnswer, AcmeSession } from "./acme-session.ts";
import { readUrl } from "./directory.ts";

/** What is ordered. */
export interface OrderRequest {
  /** In lower case; wildcards as `*.a.example`. */
  readonly names: readonly string[];
  readonly solver: ChallengeSolver;
  /** DER in base64url. */
  readonly csr: string;
  readonly profile: string | null;
  /** The identifier of the certificate that this one takes the place of (RFC 9773, section 5). */
  readonly replaces: string | null;
  /** Somebody else may be ordering the same by now: then this order is given up. */
  isLost(): boolean;
}

/** From the order to the certificate. */
const orderTimeoutMs = 10 * 60_000;
const maxPollMs = 30_000;
const firstPollMs = 250;

/** A proof, and where the CA is told to look for it. */
interface OpenChallenge {
  readonly challenge: Challenge;
  readonly url: string;
  readonly authorizationUrl: string;
}

/**
 * Orders a certificate.
 * @returns the answer with the chain in PEM, leaf first, and the links to other chains
 * @throws AcmeError
 */
export async function placeOrder(session: AcmeSession, request: OrderRequest): Promise<AcmeAnswer> {
  const deadlineMs = session.wall() + orderTimeoutMs;
  const { newOrder } = await session.directory();
  assertNotLost(request);
  const created = await session.post(newOrder, {
    identifiers: request.names.map((value) => ({ type: "dns", value })),
    ...(request.profile === null ? {} : { profile: request.profile }),
    ...(request.replaces === null ? {} : { replaces: request.replaces }),
  });
  const url = readUrl(created.headers.location);
  if (url === null) throw new AcmeError({ type: "malformed", detail: "an order without its URL" });
  await authorize(session, { order: created.json, solver: request.solver, deadlineMs });
  const ready = await poll(session, { url, isOver: (status) => status !== "pending", deadlineMs });
  if (ready["status"] === "ready") {
    const finalizeUrl = readUrl(ready["finalize"]);
    if (finalizeUrl === null) throw new AcmeError({ type: "malformed", detail: "an order that cannot be finished" });
    // Proofs take minutes. From here on it counts at the CA, and nobody takes the certificate back.
    assertNotLost(request);
    await session.post(finalizeUrl, { csr: request.csr });
  }
  const isOver = (status: unknown): boolean => status === "valid" || status === "invalid";
  const order = await poll(session, { url, isOver, deadlineMs });
  const certificateUrl = readUrl(order["certificate"]);
  if (order["status"] !== "valid" || certificateUrl === null)
    throw new AcmeError({ ...readProblem(order["error"]), type: "order" });
  return session.fetch(certificateUrl, "application/pem-certificate-chain");
}

/** @throws AcmeError of the type `lost` */
function assertNotLost(request: OrderRequest): void {
  if (request.isLost()) throw new AcmeError({ type: "lost", detail: "the lock on the order could not be kept" });
}

interface Authorizing {
  readonly order: unknown;
  readonly solver: ChallengeSolver;
  readonly deadlineMs: number;
}

async function authorize(session: AcmeSession, { order, solver, deadlineMs }: Authorizing): Promise<void> {
  const urls = asRecord(order)["authorizations"];
  const open: OpenChallenge[] = [];
  for (const url of Array.isArray(urls) ? urls.map(readUrl) : []) {
    if (url === null) throw new AcmeError({ type: "malformed", detail: "an authorization without its URL" });
    const { json } = await session.fetch(url);
    const authorization = asRecord(json);
    // Authorizations of earlier orders are used again.
    if (authorization["status"] === "valid") continue;
    if (authorization["status"] !== "pending") throw failureOf(authorization);
    open.push(chooseChallenge(authorization, { url, solver, thumbprint: session.key.thumbprint }));
  }
  if (open.length === 0) return;
  const challenges = open.map(({ challenge }) => challenge);
  const shown: Challenge[] = [];
  try {
    for (const challenge of challenges) {
      shown.push(challenge);
      await solver.present(challenge);
    }
    await solver.ready(challenges);
    for (const { url } of open) await session.post(url, {});
    for (const { authorizationUrl } of open) {
      const isOver = (status: unknown): boolean => status !== "pending" && status !== "processing";
      const authorization = await poll(session, { url: authorizationUrl, isOver, deadlineMs });
      if (authorization["status"] !== "valid") throw failureOf(authorization);
    }
  } finally {
    for (const challenge of shown) await solver.remove(challenge);
  }
}

function chooseChallenge(
  authorization: Readonly<Record<string, unknown>>,
  { url, solver, thumbprint }: { url: string; solver: ChallengeSolver; thumbprint: string },
): OpenChallenge {
  const name = String(asRecord(authorization["identifier"])["value"]);
  const list = Array.isArray(authorization["challenges"]) ? authorization["challenges"].map(asRecord) : [];
  const found = list.find(({ type }) => type === solver.type);
  const token = found?.["token"];
  const challengeUrl = readUrl(found?.["url"]);
  if (challengeUrl === null || typeof token !== "string" || !/^[\w-]{1,256}$/.test(token))
    throw new AcmeError({
      type: "challenge",
      detail: `the CA does not take ${solver.type} for ${name}; it offers ${list.map(({ type }) => String(type)).join(", ")}`,
    });
  return {
    challenge: { type: solver.type, name, token, keyAuthorization: `${token}.${thumbprint}` },
    url: challengeUrl,
    authorizationUrl: url,
  };
}

/** What the CA says of a name that it did not find proven. */
function failureOf(authorization: Readonly<Record<string, unknown>>): AcmeError {
  const name = String(asRecord(authorization["identifier"])["value"]);
  const list = Array.isArray(authorization["challenges"]) ? authorization["challenges"].map(asRecord) : [];
  const error = list.find((one) => one["error"] !== undefined)?.["error"];
  const { type, detail } = readProblem(error);
  return new AcmeError({ type, detail: `${name} is ${String(authorization["status"])}: ${detail}` });
}

interface Polling {
  readonly url: string;
  readonly deadlineMs: number;
  isOver(status: unknown): boolean;
}

/** Looks again until a status is over, ever less often, or as `Retry-After` says, which may be 0. */
async function poll(
  session: AcmeSession,
  { url, isOver, deadlineMs }: Polling,
): Promise<Readonly<Record<string, unknown>>> {
  for (let pauseMs = firstPollMs; ; pauseMs *= 2) {
    const { json, retryAfterMs } = await session.fetch(url);
    const record = asRecord(json);
    if (isOver(record["status"])) return record;
    if (session.wall() >= deadlineMs)
      throw new AcmeError({ type: "timeout", detail: `${url} is still ${String(record["status"])}` });
    await session.wait(Math.min(Math.max(retryAfterMs ?? pauseMs, firstPollMs), maxPollMs));
  }
}
