/** Reads the files that TLS is made of. They are small: one that is not is a mistake. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { digestOf } from "../../config/file-digest.ts";
import { CertificateError } from "../../net/tls/read-certificate.ts";

/** Bundles of authorities and long lists of revoked certificates are below it. */
const maxFileBytes = 32 << 20;
/** Files that are read at a time; more threads of libuv than that are rarely free. */
const readersAtOnce = 8;
/** Whoever else may read a private key: permission bits of others. */
const readableByAll = 0o004;

/** What was read of a file. */
export interface FileContents {
  readonly bytes: Buffer;
  /** `digestOf` of it. */
  readonly digest: string;
  /** Everybody on this machine may read it. */
  readonly isReadableByAll: boolean;
}

/** Reads files, and remembers which, with what was in them: these are to be watched. */
export class CertificateFiles {
  /** By absolute path. A file that could not be read has an empty digest. */
  readonly digests = new Map<string, string>();
  readonly #ahead = new Map<string, FileContents>();

  /** @throws CertificateError if it cannot be read; the message is the end of a sentence about the file */
  async read(path: string): Promise<FileContents> {
    const absolute = resolve(path);
    const ahead = this.#ahead.get(absolute);
    if (ahead !== undefined) return ahead;
    this.digests.set(absolute, "");
    const contents = await readFile(absolute);
    this.digests.set(absolute, contents.digest);
    return contents;
  }

  /** Reads several at a time: one after the other they would wait for the disk. What fails is left to `read`. */
  async readAhead(paths: Iterable<string>): Promise<void> {
    const waiting = [...new Set(Array.from(paths, (path) => resolve(path)))];
    const readNext = async (): Promise<void> => {
      for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
        try {
          this.#ahead.set(path, await this.read(path));
        } catch {
          // Whoever needs it hears of it.
        }
      }
    };
    await Promise.all(Array.from({ length: readersAtOnce }, readNext));
  }

  /** As text. */
  async readText(path: string): Promise<string> {
    return (await this.read(path)).bytes.toString("latin1");
  }
}

async function readFile(path: string): Promise<FileContents> {
  try {
    const file = await open(path);
    try {
      const { size, mode } = await file.stat();
      if (size > maxFileBytes) throw new CertificateError("is larger than 32 MiB");
      const bytes = await file.readFile();
      return { bytes, digest: digestOf(bytes), isReadableByAll: (mode & readableByAll) !== 0 };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") throw new CertificateError("is not there");
    if (code === "EISDIR") throw new CertificateError("is a folder");
    if (code === "EACCES" || code === "EPERM") throw new CertificateError("cannot be read: permission denied");
    throw new CertificateError(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
