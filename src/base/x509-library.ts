/**
 * The library that makes certificates and certificate requests. Only the control thread loads it, and only if
 * something is to be made: reading certificates is done by `node:crypto`.
 */
import type * as X509 from "@peculiar/x509";

/** The library, loaded with the polyfill that it needs: the latter changes the global `Reflect`. */
export async function loadX509(): Promise<typeof X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}
