/** Writes to pipes and terminals at once: they are non-blocking, and each write holds whole lines. */
import { writeSync } from "node:fs";
import { maxWholePipeWriteBytes } from "./log-destination.ts";

const lineFeed = 0x0a;

/** Writes some of `bytes` from `offset` on. @returns how many were taken @throws the system's error */
export function writeToPipe(fd: number, bytes: Buffer, offset: number): number {
  return writeSync(fd, bytes, offset, endOfWholeLines(bytes, offset) - offset);
}

/**
 * Where a write to a pipe that begins at `offset` ends: behind the last line that fits into a write that is never mixed
 * with another's, or behind a line that is longer.
 */
function endOfWholeLines(bytes: Buffer, offset: number): number {
  if (bytes.length - offset <= maxWholePipeWriteBytes) return bytes.length;
  const end = bytes.lastIndexOf(lineFeed, offset + maxWholePipeWriteBytes - 1);
  return end >= offset ? end + 1 : bytes.indexOf(lineFeed, offset) + 1;
}
