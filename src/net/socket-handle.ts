/**
 * What Node.js knows of a socket and keeps under `_handle`, which is not documented. If a version of Node.js no longer
 * has it, the answers are those for "not known".
 */

interface Handle {
  readonly fd?: number;
  readonly writeQueueSize?: number;
}

const handleOf = (socket: object): Handle | null => (socket as { readonly _handle?: Handle | null })._handle ?? null;

/** The descriptor of a socket; -1 if it has none yet, or none any more. */
export function descriptorOf(socket: object): number {
  return handleOf(socket)?.fd ?? -1;
}

/** Bytes that were handed to libuv and that the kernel has not taken yet; 0 if this is not known. */
export function writeQueueBytesOf(socket: object): number {
  return handleOf(socket)?.writeQueueSize ?? 0;
}
