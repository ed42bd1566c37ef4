/** What stands for the contents of a file, to tell whether they have changed. */
import { createHash } from "node:crypto";

/** The digest of a file's contents (SHA-256, hexadecimal). */
export function digestOf(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex");
}
