/** Unix sockets outlive their process: the path of one that was killed stays, and nobody can listen there until it is removed. */
import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/**
 * Calls `listen`; where `path` is taken by a socket at which nobody answers any more, removes that and calls `listen` once more.
 * Nothing but such a socket is ever removed.
 * @throws as `listen` does
 */
export async function listenOnSocketPath(path: string, listen: () => Promise<void>): Promise<void> {
  try {
    await listen();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || !isSocket(path) || (await isAnswering(path))) throw error;
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
