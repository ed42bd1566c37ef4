/**
 * How near this process is to its limit of open files. The kernel gives a new descriptor the lowest free number, so its
 * number tells how many are open at least, and nothing has to be counted.
 *
 * Clients get descriptors only up to a ceiling, files that hold their bodies up to a higher one, connections to
 * endpoints up to one higher still. The rest is for the admin listener, logs, checks and names. Without the ceiling,
 * `accept` would fail, the kernel would report the connection again at once and for ever, and every thread would spin;
 * Node.js reports no error (libuv swallows it).
 */
import { readFileSync } from "node:fs";

/** The limit is read again after this time: it can be changed from outside (`prlimit`). */
const maxAgeMs = 5_000;

let maxDescriptors = Number.POSITIVE_INFINITY;
let readMs = Number.NEGATIVE_INFINITY;

/** Is `descriptor`, of a client's connection, one of those that are kept for other things? */
export function isBeyondClientCeiling(descriptor: number): boolean {
  const limit = currentLimit();
  return descriptor >= limit - reserveOf(limit);
}

/**
 * How many clients of UDP there may be, each of which takes a descriptor for its connection to an endpoint: half of what
 * clients get, because anybody can send datagrams in the name of others, and clients of TCP need descriptors, too.
 */
export function datagramClientCeiling(): number {
  const limit = currentLimit();
  return Math.floor((limit - reserveOf(limit)) / 2);
}

/** Is `descriptor`, of a connection to an endpoint, one of those that are kept for other things? */
export function isBeyondEndpointCeiling(descriptor: number): boolean {
  const limit = currentLimit();
  return descriptor >= limit - reserveOf(limit) / 2;
}

/** What a connection to an endpoint fails with beyond that ceiling: as if the system had no descriptor left. */
export function endpointCeilingError(): NodeJS.ErrnoException {
  return Object.assign(new Error("connect EMFILE"), { code: "EMFILE", syscall: "connect" });
}

/**
 * Is `descriptor`, of a file that holds what a client sends, one of those that are kept for other things? Connections
 * to endpoints come before such files.
 */
export function isBeyondFileCeiling(descriptor: number): boolean {
  const limit = currentLimit();
  return descriptor >= limit - (reserveOf(limit) * 3) / 4;
}

/** Is `descriptor`, of a connection to the admin listener, one of the very last? */
export function isBeyondAdminCeiling(descriptor: number): boolean {
  const limit = currentLimit();
  return descriptor >= limit - reserveOf(limit) / 4;
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
    // Not Linux, or no descriptor is free: the last known limit holds.
  }
  return maxDescriptors;
}
