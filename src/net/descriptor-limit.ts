/**
 * How near this process is to its limit of open files. The kernel gives the lowest free number, so the number of a new
 * descriptor tells how many are open at least: no counting.
 *
 * Clients get descriptors only up to a ceiling, files that hold their bodies up to a higher one, connections to
 * endpoints up to one higher still. What is left is for the admin listener, logs, checks and names. Without that, a
 * listener whose accepting fails is asked again by the kernel at once and for ever: every thread would spin, and
 * Node.js tells nobody (libuv swallows the error).
 */
import { readFileSync } from "node:fs";
import { descriptorOf } from "./socket-handle.ts";

/** How long a limit that was read is believed: it can be changed from outside (`prlimit`). */
const maxAgeMs = 5_000;

let maxDescriptors = Number.POSITIVE_INFINITY;
let readMs = Number.NEGATIVE_INFINITY;

/** Is the descriptor of this client's connection one of those that are kept for other things? */
export function isBeyondClientCeiling(socket: object): boolean {
  const limit = currentLimit();
  return descriptorOf(socket) >= limit - reserveOf(limit);
}

/** Is the descriptor of this connection to an endpoint one of those that are kept for other things? */
export function isBeyondEndpointCeiling(socket: object): boolean {
  const limit = currentLimit();
  return descriptorOf(socket) >= limit - reserveOf(limit) / 2;
}

/**
 * Is `descriptor`, of a file that holds what a client sends, one of those that are kept for other things? Connections
 * to endpoints come before such files.
 */
export function isBeyondFileCeiling(descriptor: number): boolean {
  const limit = currentLimit();
  return descriptor >= limit - (reserveOf(limit) * 3) / 4;
}

/** Is the descriptor of this connection to the admin listener one of the very last? */
export function isBeyondAdminCeiling(socket: object): boolean {
  const limit = currentLimit();
  return descriptorOf(socket) >= limit - reserveOf(limit) / 4;
}

/** How many descriptors clients do not get: an eighth, at least 16 and at most 128. */
function reserveOf(limit: number): number {
  return Math.min(128, Math.max(16, Math.floor(limit / 8)));
}

function currentLimit(): number {
  const nowMs = performance.now();
  if (nowMs - readMs < maxAgeMs) return maxDescriptors;
  readMs = nowMs;
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    if (match !== null) maxDescriptors = Number(match[1]);
  } catch {
    // Not Linux, or no descriptor is free: what was known holds.
  }
  return maxDescriptors;
}
