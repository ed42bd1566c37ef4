/**
 * Random bytes of the system, for ids that no other process may have: straight from its device, because `node:crypto`
 * takes some 10 ms to load.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { cryptoLibrary } from "./crypto-library.ts";

/** @param device where it is; without it, `node:crypto` gives them */
export function systemRandomBytes(byteCount: number, device = "/dev/urandom"): Buffer {
  const bytes = Buffer.alloc(byteCount);
  try {
    const descriptor = openSync(device, "r");
    try {
      // Up to 256 bytes are given whole (random(4)).
      if (byteCount <= 256 && readSync(descriptor, bytes) === byteCount) return bytes;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows, and roots without devices, have none.
  }
  return cryptoLibrary().randomFillSync(bytes);
}
