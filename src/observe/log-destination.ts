/**
 * Opens the destinations of log lines: a path that is opened here, or a descriptor that the process inherited.
 *
 * Nothing here waits for a reader: what is no regular file is opened non-blocking.
 */
import { close, constants, fstat, fstatSync, open, openSync, type Stats } from "node:fs";
import { stat as statPath } from "node:fs/promises";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import { hangMs, LogCall } from "./log-call.ts";

/**
 * How a descriptor is written to: `file` = asynchronously, for disks may hang; `pipe` = at once, non-blocking; `stream`
 * = through a stream of Node's, which waits.
 */
export type DescriptorKind = "file" | "pipe" | "stream";

/** An open descriptor, and whether its holder has to close it. */
export interface Descriptor {
  readonly fd: number;
  readonly kind: DescriptorKind;
  /** It was opened here, and has one owner, which closes it once. */
  readonly isOwned: boolean;
  /** For the kind `stream`. */
  readonly stream: Writable | null;
}

/**
 * PIPE_BUF on Linux: a write of so many bytes to a pipe is never mixed with another's. POSIX guarantees 512, everybody
 * gives more.
 */
export const maxWholePipeWriteBytes = 4096;

const newFileMode = 0o640;
// Numbers, not the handles of the promise interface, which close themselves when they are collected: a descriptor has
// one owner.
const openNumber = promisify(open);
const statDescriptor = promisify<number, Stats>(fstat);
const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;

/**
 * Takes the inherited descriptor `fd`. Of a pipe or terminal we get a file description of our own, so that it can be
 * non-blocking without becoming so for other holders of it; if that is impossible (sockets, a pipe of another user), a
 * stream of Node's.
 * @throws the system's error if nothing is open under this number, or nothing that can be written to
 */
export function takeInherited(fd: number): Descriptor {
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, kind: "file", isOwned: false, stream: null };
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    try {
      return {
        fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY),
        kind: "pipe",
        isOwned: true,
        stream: null,
      };
    } catch {
      return { fd, kind: "stream", isOwned: false, stream: streamOf(fd) };
    }
  }
  if (stats.isSocket()) return { fd, kind: "stream", isOwned: false, stream: streamOf(fd) };
  throw Object.assign(new Error(`descriptor ${fd} is nothing that a log can be written to`), {
    code: "EBADF",
    path: `/dev/fd/${fd}`,
  });
}

/**
 * The process's own stream if there is one: a second one on the same descriptor would not be told when it becomes
 * writable.
 */
function streamOf(fd: number): Writable {
  if (fd === 1) return process.stdout;
  if (fd === 2) return process.stderr;
  return new Socket({ fd, readable: false, writable: true }).unref();
}

/**
 * Opens `path` for appending, without waiting for a reader. A file that the process has inherited as its output is
 * taken from there. Null: a named pipe without a reader, which may come.
 * @throws the system's error if it cannot be opened
 */
export async function openForAppending(path: string): Promise<Descriptor | null> {
  let fd: number;
  try {
    fd = await openNumber(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, newFileMode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO" && (await statPath(path)).isFIFO()) return null;
    throw error;
  }
  const stats = await statDescriptor(fd);
  const inherited = stats.isFile() ? await inheritedAs(stats) : null;
  if (inherited !== null) closeNumber(fd);
  return { fd: inherited ?? fd, kind: isWaitedFor(stats) ? "pipe" : "file", isOwned: inherited === null, stream: null };
}

/** What may have no reader or a sleeping one; all else is a disk. */
const isWaitedFor = (stats: Stats): boolean => stats.isFIFO() || stats.isCharacterDevice() || stats.isSocket();

/**
 * The output of the process that is this file, or null: a position of its own would be overwritten by what else goes
 * there.
 */
async function inheritedAs(stats: Stats): Promise<number | null> {
  for (const fd of [1, 2]) {
    const output = await statDescriptor(fd).catch(() => null);
    if (output !== null && output.dev === stats.dev && output.ino === stats.ino) return fd;
  }
  return null;
}

/** Closes a descriptor that was opened here, in the background; its holder forgets it. An inherited one stays open. */
export function closeDescriptor(descriptor: Descriptor | null): void {
  if (descriptor?.isOwned === true) closeNumber(descriptor.fd);
}

function closeNumber(fd: number): void {
  const call = new LogCall();
  const timer = setTimeout(() => call.noteHanging(), hangMs).unref();
  close(fd, () => {
    clearTimeout(timer);
    call.end();
  });
}
