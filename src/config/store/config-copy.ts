/**
 * The last configuration of a store that was applied, on this machine's disk: what a start falls back to if the store is
 * away. It holds what the configuration holds, secrets too, so nobody else may read it. It never outranks the store.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../../base/durable-file.ts";
import { sha256 } from "../../base/sha256.ts";
import { maxStoredBytes, type StoredText } from "./config-store.ts";

/** A copy, and when it was applied first, as Unix time in milliseconds. */
export interface CopiedText extends StoredText {
  readonly savedAtMs: number;
}

/** JSON writes a character as six at most. */
const maxFileBytes = 6 * maxStoredBytes + 4_096;

/** The copy of one key of one store. */
export class ConfigCopy {
  readonly #store: string;
  readonly path: string;

  /** @param store the name of the store and its key: another one has another file */
  constructor(folder: string, store: string) {
    this.#store = store;
    this.path = join(folder, `${sha256(Buffer.from(store)).slice(0, 32)}.json`);
  }

  /** The copy; null if there is none that is whole. @throws the system's error if it cannot be read */
  async read(): Promise<CopiedText | null> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
    return bytes.length > maxFileBytes ? null : readCopy(bytes.toString("utf8"), this.#store);
  }

  /** Takes the place of the copy before; a crash leaves the one or the other. @throws the system's error */
  async save({ text, version }: StoredText, savedAtMs: number): Promise<void> {
    await writeDurably(this.path, JSON.stringify({ store: this.#store, version, savedAtMs, text }));
  }
}

function readCopy(json: string, store: string): CopiedText | null {
  try {
    const value = JSON.parse(json) as Partial<Record<"store" | "text" | "version" | "savedAtMs", unknown>> | null;
    if (value === null || value.store !== store) return null;
    const { text, version, savedAtMs } = value;
    return typeof text === "string" && typeof version === "string" && typeof savedAtMs === "number"
      ? { text, version, savedAtMs }
      : null;
  } catch {
    return null;
  }
}
