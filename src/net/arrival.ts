/**
 * Finds out whether something has arrived at a socket that Node.js has not read yet. Node.js reads only in the polling
 * phase of its event loop; a byte or a FIN that came since is found by reading from the descriptor itself.
 */
import { readSync } from "node:fs";

const scratch = Buffer.allocUnsafeSlow(1);

/**
 * Tells whether something has arrived at a socket, by reading one byte, which is lost: only for a socket that must be
 * silent, and is closed if it is not. Costs a system call and an exception: 3 µs, or 5 to 10 with a stack trace.
 * @param descriptor of a plain socket, TCP or Unix; -1 = not known
 * @returns `nothing`, `something` (a byte, the FIN, or an error), or `unknown` if the descriptor is not known
 */
export function lookForArrival(descriptor: number): "nothing" | "something" | "unknown" {
  if (descriptor < 0) return "unknown";
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    readSync(descriptor, scratch, 0, 1, null);
    return "something";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? "nothing" : "something";
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
