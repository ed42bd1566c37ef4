/** What may prevent a new thread from starting, for callers that start one. */
import { realpathSync } from "node:fs";
import type { WorkerOptions } from "node:worker_threads";

/** Threads inherit Node's arguments, but one that says what text on the command line is makes them refuse a file. */
export const threadArguments: Pick<WorkerOptions, "execArgv"> = process.execArgv.some((argument) =>
  argument.startsWith("--input-type"),
)
  ? { execArgv: [] }
  : {};

/**
 * Leaves a working folder that has been deleted for the root of the file system: no thread can be started there, since
 * Node asks for the folder's name.
 * @returns whether the folder was gone; from then on relative paths begin at the root
 */
export function leaveDeletedFolder(): boolean {
  try {
    realpathSync.native(".");
    return false;
  } catch {
    process.chdir("/");
    return true;
  }
}
