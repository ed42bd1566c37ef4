/**
 * Where a local authority is kept: two files of a folder that nobody else can read, shared by all processes of a user.
 */
import { stateFolder } from "../base/state-folder.ts";

/** `MILLRACE_CA_FOLDER`, else `ca` with what else is kept. */
export function defaultAuthorityFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment["MILLRACE_CA_FOLDER"] ?? "";
  return own === "" ? stateFolder(environment, "ca") : own;
}
