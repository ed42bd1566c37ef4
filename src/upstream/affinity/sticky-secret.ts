/**
 * The secret that signs sticky cookies if none is configured: random, made by the control thread, shared by the threads
 * of the process, and kept over reloads.
 */
import { systemRandomBytes } from "../../base/system-random.ts";
import { bytesOf, type ReservedRegion, type SharedMemory } from "../../base/shared-memory.ts";

const stickySecretKey = "sticky-secret";

const secretBytes = 32;

/**
 * Makes the secret if there is none yet. Control thread only, before a configuration goes to the threads. @returns its
 * region, which has no stripes
 */
export function reserveStickySecret(memory: SharedMemory): ReservedRegion {
  const secret = bytesOf(memory.region(stickySecretKey, secretBytes));
  if (secret.every((byte) => byte === 0)) secret.set(systemRandomBytes(secretBytes));
  return { key: stickySecretKey, clearStripe: null };
}

/** A copy of the secret. @throws if it was not reserved */
export function readStickySecret(memory: SharedMemory): Uint8Array {
  const secret = Uint8Array.from(bytesOf(memory.region(stickySecretKey, secretBytes)));
  if (secret.every((byte) => byte === 0)) throw new Error("the secret for sticky cookies was not reserved");
  return secret;
}
