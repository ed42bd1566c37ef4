/**
 * `node:tls`, loaded when it is asked for: 13 ms and 1.8 MiB of each thread, which a proxy without TLS does without.
 * Whoever is going to need it calls this before clients wait for it.
 */
export function nodeTls(): typeof import("node:tls") {
  return process.getBuiltinModule("node:tls");
}
