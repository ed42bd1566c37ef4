/** What stands for the contents of a file, to tell whether they have changed. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** What is read of a file at once. */
const chunkBytes = 65_536;

/** The digest of a file's contents (SHA-256, hexadecimal). */
export function digestOf(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex");
}

/**
 * As `digestOf`, of what is in the file now; the file is not held in memory.
 * @throws if it cannot be read
 */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
