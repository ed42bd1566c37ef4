/**
 * Notices that the files of a configuration have other contents than before. Survives editors that replace the file,
 * files that are gone for a moment, and symbolic links that are turned to another target (as container platforms do
 * with mounted configurations).
 */
import { resolve } from "node:path";
import { digestOfFile } from "./file-digest.ts";
import { FileWatch } from "../base/file-watch.ts";

/** How closely files are watched. */
export interface WatchOptions {
  /**
   * How long the files must be quiet before they are read, so that a half-written file is not taken; default 100 ms.
   */
  readonly settleMs?: number;
  /** How long notices may put off the look: a file that is never quiet is looked at all the same; default 1 s. */
  readonly maxSettleMs?: number;
  /**
   * How often the files are looked at even without a notice, for file systems that give none; 0 = never; default 5 s.
   */
  readonly pollMs?: number;
  /** Receives what `onChange` throws, and failures to watch; default: ignored. */
  readonly onError?: (error: unknown) => void;
}

/** A watch under way. */
export interface ConfigWatch {
  /** Resolves when the files have been read for the first time: later changes are noticed. */
  readonly ready: Promise<void>;
  /**
   * Watches these files beside the first one, from now on and in place of those followed before: what was read last,
   * each with the digest of what was read (`file-digest.ts`). What has become other since then is a change.
   */
  follow(files: ReadonlyMap<string, string>): void;
  /** Ends the watch; `onChange` is not called afterwards. */
  close(): void;
}

/**
 * Calls `onChange` each time the contents of `file`, or of a file that is followed, have become others than when last
 * looked at. Start it before loading, so that no change falls in between. Never throws; that a file goes away is no
 * change, that it comes (back) with other contents is one.
 */
export function watchConfig(
  file: string,
  onChange: () => void | Promise<void>,
  options: WatchOptions = {},
): ConfigWatch {
  const watcher = new ConfigWatcher(resolve(file), onChange, options);
  return { ready: watcher.look(), follow: (files) => watcher.follow(files), close: () => watcher.close() };
}

/** A file, and what it last held. */
interface Followed {
  readonly watch: FileWatch;
  /** Of the contents last seen; empty if no look found the file, null before the first look. */
  digest: string | null;
}

class ConfigWatcher {
  readonly #file: string;
  readonly #onChange: () => void | Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #settleMs: number;
  readonly #maxSettleMs: number;
  readonly #followed = new Map<string, Followed>();
  readonly #poll: NodeJS.Timeout | null;
  #settling: NodeJS.Timeout | null = null;
  /** When the first of the notices came that wait for a look; null if none waits. */
  #noticedMs: number | null = null;
  #isLooking = false;
  #mustLookAgain = false;
  #isClosed = false;

  constructor(file: string, onChange: () => void | Promise<void>, options: WatchOptions) {
    this.#file = file;
    this.#onChange = onChange;
    this.#onError = options.onError ?? (() => {});
    this.#settleMs = options.settleMs ?? 100;
    this.#maxSettleMs = options.maxSettleMs ?? 1_000;
    const pollMs = options.pollMs ?? 5_000;
    this.#poll = pollMs === 0 ? null : setInterval(() => void this.look(), pollMs).unref();
    this.#add(file);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const { watch } of this.#followed.values()) watch.close();
    this.#followed.clear();
  }

  follow(files: ReadonlyMap<string, string>): void {
    if (this.#isClosed) return;
    for (const [file, { watch }] of this.#followed) {
      if (file === this.#file || files.has(file)) continue;
      watch.close();
      this.#followed.delete(file);
    }
    for (const [file, digest] of files) this.#add(file).digest = digest;
    void this.look();
  }

  #add(file: string): Followed {
    const known = this.#followed.get(file);
    if (known !== undefined) return known;
    const added: Followed = { watch: new FileWatch(file, () => this.#notice(), this.#onError), digest: null };
    this.#followed.set(file, added);
    return added;
  }

  /** Reads the files and tells of a change. One look at a time: a notice during a look causes another one after it. */
  async look(): Promise<void> {
    if (this.#isLooking) {
      this.#mustLookAgain = true;
      return;
    }
    this.#isLooking = true;
    do {
      this.#mustLookAgain = false;
      let isChanged = false;
      for (const [file, followed] of this.#followed) {
        await followed.watch.refresh();
        if (await isOther(file, followed)) isChanged = true;
      }
      if (isChanged && !this.#isClosed) await this.#tell();
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

  #notice(): void {
    if (this.#isClosed) return;
    const nowMs = performance.now();
    this.#noticedMs ??= nowMs;
    if (this.#settling !== null) clearTimeout(this.#settling);
    const waitMs = Math.min(this.#settleMs, Math.max(0, this.#noticedMs + this.#maxSettleMs - nowMs));
    this.#settling = setTimeout(() => {
      this.#noticedMs = null;
      void this.look();
    }, waitMs).unref();
  }
}

/** Whether the file holds something else than when last looked at; the first look only remembers. */
async function isOther(file: string, followed: Followed): Promise<boolean> {
  const before = followed.digest;
  const digest = await readDigest(file);
  followed.digest = digest ?? before ?? "";
  return before !== null && digest !== null && digest !== before;
}

async function readDigest(file: string): Promise<string | null> {
  try {
    return await digestOfFile(file);
  } catch {
    return null; // Gone for a moment, or for good: the running configuration stays.
  }
}
