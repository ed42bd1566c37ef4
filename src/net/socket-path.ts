/** Unix sockets outlive their process: the path of one that was killed stays, and nobody can listen there until it is removed. */
import { existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";

/**
 * Calls `listen`; where `path` is taken by a socket at which nobody answers any more, removes that and calls `listen` once more.
 * Nothing but such a socket is ever removed.
 * @throws as `listen` does; ENOENT where the folder is missing, which Node reports as a missing permission
 */
export async function listenOnSocketPath(path: string, listen: () => Promise<void>): Promise<void> {
  try {
    await listen();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const folder = dirname(path);
    if (code === "EACCES" && !existsSync(folder)) throw Object.assign(new Error(`listen ENOENT: no such folder ${folder}`), { code: "ENOENT", path: folder, address: folder });
    if (code !== "EADDRINUSE" || !isSocket(path) || (await isAnswering(path))) throw error;
    unlinkSync(path);
    await listen();
  }
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}
