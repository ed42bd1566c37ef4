/** What stands for the contents of a file, to tell whether they have changed. */
import { open } from "node:fs/promises";
import { cryptoLibrary } from "../base/crypto-library.ts";
import { sha256 } from "../base/sha256.ts";

/** What is read of a file at once. */
const chunkBytes = 65_536;
/** Up to this size the library of Node.js would take longer to load than we take. */
const maxOwnBytes = 8_192;

/** The digest of a file's contents (SHA-256, hexadecimal). */
export function digestOf(contents: Uint8Array): string {
  if (contents.length <= maxOwnBytes) return sha256(contents);
  return cryptoLibrary().createHash("sha256").update(contents).digest("hex");
}

/**
 * As `digestOf`, of what is in the file now; the file is not held in memory.
 * @throws if it cannot be read
 */
export async function digestOfFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let { bytesRead } = await file.read(chunk, 0, chunkBytes);
    if (bytesRead <= maxOwnBytes) {
      const isWhole = (await file.read(chunk, bytesRead, 1)).bytesRead === 0;
      if (isWhole) return digestOf(chunk.subarray(0, bytesRead));
      bytesRead++;
    }
    const hash = cryptoLibrary().createHash("sha256");
    while (bytesRead > 0) {
      hash.update(chunk.subarray(0, bytesRead));
      ({ bytesRead } = await file.read(chunk, 0, chunkBytes));
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}
