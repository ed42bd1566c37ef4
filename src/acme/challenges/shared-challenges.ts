/**
 * Proofs that all threads of this proxy show, and all instances that share its store: the CA may ask any of them.
 * HTTP-01 (RFC 8555, section 8.3) is a text at a path, TLS-ALPN-01 (RFC 8737) a certificate.
 */
import type { CertificateHost } from "../../net/tls/certificate-source.ts";
import type { ChallengeCertificate } from "../../net/tls/tls-material.ts";
import { asRecord } from "../client/acme-error.ts";
import type { AcmeStore } from "../storage/acme-store.ts";
import { digest } from "../stored-certificate.ts";
import { createAlpnCertificate } from "./alpn-certificate.ts";
import type { ChallengeSolver } from "./challenge.ts";

/** What solvers are given. */
export interface SharedChallengeParts {
  readonly store: AcmeStore;
  readonly host: CertificateHost;
  wall(): number;
}

const httpKey = (token: string): string => `challenges/http-${digest(token)}`;
const alpnKey = (name: string): string => `challenges/alpn-${digest(name)}`;
/** What an instance that died has left behind is not shown any more. */
const lifeMs = 3_600_000;

/** Shows texts. */
export function createHttpSolver({ store, host, wall }: SharedChallengeParts): ChallengeSolver {
  return {
    type: "http-01",
    present: async ({ token, keyAuthorization }) => {
      await store.write(httpKey(token), JSON.stringify({ token, keyAuthorization, untilMs: wall() + lifeMs }));
      await host.setHttpChallenge(token, keyAuthorization);
    },
    ready: async () => {},
    remove: async ({ token }) => {
      await host.setHttpChallenge(token, null);
      await store.remove(httpKey(token));
    },
  };
}

/** Shows certificates. */
export function createAlpnSolver({ store, host, wall }: SharedChallengeParts): ChallengeSolver {
  return {
    type: "tls-alpn-01",
    present: async (challenge) => {
      const certificate = await createAlpnCertificate(challenge, wall());
      const value = { name: challenge.name, ...certificate, untilMs: wall() + lifeMs };
      await store.write(alpnKey(challenge.name), JSON.stringify(value));
      await host.setAlpnChallenge(challenge.name, certificate);
    },
    ready: async () => {},
    remove: async ({ name }) => {
      await host.setAlpnChallenge(name, null);
      await store.remove(alpnKey(name));
    },
  };
}

/** What another instance wants to be shown for this token; null if nothing. */
export async function findHttpChallenge(store: AcmeStore, token: string, wallMs: number): Promise<string | null> {
  const value = readValue(await store.read(httpKey(token)), wallMs);
  return value["token"] === token && typeof value["keyAuthorization"] === "string" ? value["keyAuthorization"] : null;
}

/** What another instance wants to be shown for this name; null if nothing. */
export async function findAlpnChallenge(
  store: AcmeStore,
  name: string,
  wallMs: number,
): Promise<ChallengeCertificate | null> {
  const { name: ofName, certPem, keyPem } = readValue(await store.read(alpnKey(name)), wallMs);
  return ofName === name && typeof certPem === "string" && typeof keyPem === "string" ? { certPem, keyPem } : null;
}

function readValue(text: string | null, wallMs: number): Readonly<Record<string, unknown>> {
  try {
    const value = asRecord(JSON.parse(text ?? ""));
    return Number(value["untilMs"]) > wallMs ? value : {};
  } catch {
    return {};
  }
}
