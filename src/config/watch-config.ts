/**
 * Notices that a configuration file has other contents than before. Survives editors that replace the file, files that are gone for a moment,
 * and symbolic links that are turned to another target (as container platforms do with mounted configurations).
 */
import { createHash } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** How closely a file is watched. */
export interface WatchOptions {
  /** How long the file must be quiet before it is read, so that a half-written file is not taken; default 100 ms. */
  readonly settleMs?: number;
  /** How often the file is looked at even without a notice, for file systems that give none; 0 = never; default 5 s. */
  readonly pollMs?: number;
  /** Receives what `onChange` throws, and failures to watch; default: ignored. */
  readonly onError?: (error: unknown) => void;
}

/** A watch under way. */
export interface ConfigWatch {
  /** Resolves when the file has been read for the first time: later changes are noticed. */
  readonly ready: Promise<void>;
  /** Ends the watch; `onChange` is not called afterwards. */
  close(): void;
}

/**
 * Calls `onChange` each time the contents of `file` have become others than when last looked at. Start it before loading, so that no change falls in between.
 * Never throws; that the file goes away is no change, that it comes (back) with other contents is one.
 */
export function watchConfig(file: string, onChange: () => void | Promise<void>, options: WatchOptions = {}): ConfigWatch {
  const watcher = new FileWatcher(resolve(file), onChange, options);
  return { ready: watcher.look(), close: () => watcher.close() };
}

class FileWatcher {
  readonly #file: string;
  readonly #onChange: () => void | Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #settleMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout | null;
  #settling: NodeJS.Timeout | null = null;
  /** Of the contents last seen; empty where the first look found no file, null before it. */
  #digest: string | null = null;
  #isLooking = false;
  #mustLookAgain = false;
  #isClosed = false;

  constructor(file: string, onChange: () => void | Promise<void>, options: WatchOptions) {
    this.#file = file;
    this.#onChange = onChange;
    this.#onError = options.onError ?? (() => {});
    this.#settleMs = options.settleMs ?? 100;
    const pollMs = options.pollMs ?? 5_000;
    this.#poll = pollMs === 0 ? null : setInterval(() => void this.look(), pollMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Reads the file and tells of a change. One look at a time: a notice during a look causes another one after it. */
  async look(): Promise<void> {
    if (this.#isLooking) {
      this.#mustLookAgain = true;
      return;
    }
    this.#isLooking = true;
    do {
      this.#mustLookAgain = false;
      await this.#watchDirectories();
      const digest = await this.#readDigest();
      if (this.#isClosed) break;
      const isFirst = this.#digest === null;
      const isChanged = !isFirst && digest !== null && digest !== this.#digest;
      if (digest !== null || isFirst) this.#digest = digest ?? "";
      if (isChanged) await this.#tell();
    } while (this.#mustLookAgain && !this.#isClosed);
    this.#isLooking = false;
  }

  async #tell(): Promise<void> {
    try {
      await this.#onChange();
    } catch (error) {
      this.#onError(error);
    }
  }

  async #readDigest(): Promise<string | null> {
    try {
      return createHash("sha256").update(await readFile(this.#file)).digest("hex");
    } catch {
      return null; // Gone for a moment, or for good: the running configuration stays.
    }
  }

  /** Watches the folder of the name and, behind symbolic links, that of the file itself: a file that is replaced is another file. */
  async #watchDirectories(): Promise<void> {
    const wanted = new Set([dirname(this.#file)]);
    try {
      wanted.add(dirname(await realpath(this.#file)));
    } catch {
      // Gone for a moment.
    }
    if (this.#isClosed) return;
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#watchDirectory(directory);
  }

  #watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#notice());
      watcher.on("error", (error) => {
        watcher.close();
        this.#watchers.delete(directory);
        this.#onError(error);
      });
      this.#watchers.set(directory, watcher);
    } catch (error) {
      this.#onError(error); // The poll goes on.
    }
  }

  #notice(): void {
    if (this.#isClosed) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.look(), this.#settleMs).unref();
  }
}
