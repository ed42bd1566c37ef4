/**
 * Unix sockets in the file system. Their files outlive a process that was killed, and everybody who may write to a
 * file may connect.
 *
 * A socket is bound in a folder of our own, given its permissions there and then moved to its place: nobody can connect
 * before the permissions hold, and the file of a dead process is replaced in one step. Only a socket at which nobody
 * answers is ever replaced or removed, and at the end our own.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { maxSocketPathBytes, type UnixListenAddress } from "./listen-address.ts";

/** A socket that is bound and in its place. */
export interface BoundSocketPath {
  readonly path: string;
  /**
   * Gives its file other permissions, unless the file is gone or has been replaced by another.
   * @returns why that cannot be done, or null
   */
  setMode(mode: number): Error | null;
  /**
   * Removes its file, unless it has been replaced by another. Call it when the server is closed. A file that cannot be
   * removed stays: the next process that listens there finds that nobody answers, and replaces it.
   */
  remove(): void;
}

/**
 * Opens a Unix socket by `listen` and puts it at its path.
 * @param listen opens the socket at the path that it is given
 * @throws EADDRINUSE if somebody answers at the path, EEXIST if something else than a socket is there, ENOENT if the
 * folder is missing, or as `listen` does
 */
export async function bindSocketPath(
  { path, mode }: UnixListenAddress,
  listen: (path: string) => Promise<void>,
): Promise<BoundSocketPath> {
  const folder = dirname(path);
  if (!existsSync(folder)) throw systemError("ENOENT", `listen ENOENT: no such folder ${folder}`, folder);
  await assertPathFree(path);
  const scratch = mkdtempSync(join(folder, ".m"));
  const first = join(scratch, "s");
  try {
    // The path is too long for a folder of our own beside it: for a moment the permissions are those of the umask.
    const isDirect = Buffer.byteLength(first) > maxSocketPathBytes;
    if (isDirect && lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
    await listen(isDirect ? path : first);
    chmodSync(isDirect ? path : first, mode);
    if (!isDirect) renameSync(first, path);
  } finally {
    rmSync(first, { force: true });
    rmdirSync(scratch);
  }
  const own = lstatSync(path);
  return {
    path,
    setMode: (next) => changeOwn(path, own, () => chmodSync(path, next)),
    remove: () => void changeOwn(path, own, () => unlinkSync(path)),
  };
}

/** Makes `change` at `path` if the file there is `own`. @returns why that failed, or null */
function changeOwn(path: string, own: Stats, change: () => void): Error | null {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && isSame(found, own)) change();
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** @throws if something is at `path` that must not be replaced */
async function assertPathFree(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw systemError("EEXIST", `listen EEXIST: no socket ${path}`, path);
  if (await isAnswering(path))
    throw systemError("EADDRINUSE", `listen EADDRINUSE: address already in use ${path}`, path);
}

function systemError(code: string, message: string, path: string): Error {
  return Object.assign(new Error(message), { code, syscall: "listen", path, address: path });
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}
