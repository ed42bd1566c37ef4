/**
 * When a certificate is renewed: when its CA says (RFC 9773), else when a third of its life is left. A spread keeps
 * many certificates of one day from being renewed in one hour. It follows from the certificate, so that a restart does
 * not move it, and all instances that share a store agree.
 */
import { createHash } from "node:crypto";
import type { RenewalInfo } from "./client/renewal-info.ts";

/** What the decision is about. */
export interface RenewalFacts {
  /** Of this certificate and no other. */
  readonly certificateId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** null if the CA says nothing. */
  readonly info: RenewalInfo | null;
}

/** The share of its life that a certificate has left when it is renewed, and over which part before that it is spread. */
const shareLeft = 1 / 3;
const shareSpread = 1 / 20;
/** Whatever the CA says, it is renewed when this share is left. */
const leastShareLeft = 1 / 10;

/** Milliseconds since the epoch. */
export function decideRenewalTime({ certificateId, notBeforeMs, notAfterMs, info }: RenewalFacts): number {
  const lifeMs = Math.max(0, notAfterMs - notBeforeMs);
  const fraction = fractionOf(certificateId);
  const ownMs = notAfterMs - lifeMs * (shareLeft + shareSpread * fraction);
  // The window of another certificate, such as the one before, would renew this one at once, and again and again.
  if (info === null || info.certificateId !== certificateId || !isSensible(info, { notBeforeMs, notAfterMs }))
    return ownMs;
  return Math.min(info.startMs + (info.endMs - info.startMs) * fraction, notAfterMs - lifeMs * leastShareLeft);
}

function isSensible({ startMs, endMs }: RenewalInfo, life: { notBeforeMs: number; notAfterMs: number }): boolean {
  return startMs <= endMs && startMs < life.notAfterMs && endMs > life.notBeforeMs;
}

/** In [0, 1): the same for the same text. */
function fractionOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
}
