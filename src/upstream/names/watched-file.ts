/**
 * A small file of the machine's settings, read again when it has changed: written in place, replaced by another of the
 * same name, removed or created again. It is checked when `look` is called, not by notices of the file system: those do
 * not pass bind mounts, and the settings of containers are bind mounts.
 */
import { readFile, stat } from "node:fs/promises";

/** A larger file is taken for empty. */
const maxBytes = 16 * 1024 * 1024;

/** A file and what was last read of it; `look` reads it again if it has changed. */
export class WatchedFile<Value> {
  readonly #path: string;
  readonly #parse: (text: string | null) => Value;
  /** Identifies a state of the file; null = it has not been looked at. */
  #identity: string | null = null;
  #value: Value;
  /** Looks run one after the other. */
  #looking: Promise<boolean> | null = null;

  /** @param parse takes null if there is no such file, or none that may be read */
  constructor(path: string, parse: (text: string | null) => Value) {
    this.#path = path;
    this.#parse = parse;
    this.#value = parse(null);
  }

  /** What the file said when it was last looked at. */
  get value(): Value {
    return this.#value;
  }

  /**
   * Looks at the file.
   * @returns whether it has changed since the last look; never the first time
   * @throws the system's error if it cannot be read (out of descriptors, for example) and never was; later, what was
   * read before holds until it can be read again
   */
  look(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    const before = this.#identity;
    let identity = "none";
    let text: string | null = null;
    try {
      const { dev, ino, size, mtimeMs, ctimeMs } = await stat(this.#path);
      identity = [dev, ino, size, mtimeMs, ctimeMs].join();
      if (identity === before) return false;
      text = size > maxBytes ? "" : await readFile(this.#path, "utf8");
    } catch (error) {
      if (!isAbsence(error)) {
        if (before === null) throw error;
        return false;
      }
      if (before === "none") return false;
      identity = "none";
    }
    this.#identity = identity;
    this.#value = this.#parse(text);
    return before !== null;
  }
}

function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "EISDIR";
}
