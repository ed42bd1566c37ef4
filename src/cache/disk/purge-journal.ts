/**
 * The purges that files of a folder may not have seen yet, beside them: a purge that was answered must not come undone
 * by a restart. Each is written and synced before it is answered. It is dropped a while after the files were swept for
 * it: then the system has brought the deletions to the disk, too.
 *
 * A purge concerns everything that was stored in an earlier life of the folder, and in the same life everything whose
 * fetch began before it.
 */
import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { writeDurably } from "../../base/durable-file.ts";
import { Mutex } from "../../base/mutex.ts";
import { PendingPurges, type SweptAnswer } from "../purge/pending-purges.ts";
import type { Purge, PurgeVerdict } from "../purge/purge.ts";
import type { FileMark } from "./object-file.ts";

/** With more than this, everything that is stored is taken for purged at the next start. */
const maxEntries = 4_096;
/** So long after a sweep nothing of it is only in the memory of the system; Linux writes after 30 seconds. */
const settledMs = 60_000;

interface Entry extends Purge {
  readonly life: number;
  /** The number of the last purge when it was written. */
  readonly sequence: number;
}

interface Kept {
  readonly entry: Entry;
  /** null = the files were not swept for it yet. */
  sweptMs: number | null;
}

const everything: Purge = { kind: "all", value: "", isSoft: false };

/** The purges of one folder, in the control thread. */
export class PurgeJournal {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #mutex = new Mutex();
  #kept: Kept[] = [];
  #file: FileHandle | null = null;

  /** @param nowMs monotonic */
  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Reads what earlier processes have left. What cannot be read may have been anything: then everything is purged. */
  async load(life: number): Promise<void> {
    this.#kept = (await this.#read(life)).map((entry) => ({ entry, sweptMs: null }));
  }

  /** How many purges the files may not have seen. */
  get size(): number {
    return this.#kept.length;
  }

  /** Writes a purge down and brings it to the disk. @throws the system's error */
  async record(purge: Purge, life: number, sequence: number): Promise<void> {
    await this.#mutex.run(async () => {
      const entry: Entry = { kind: purge.kind, value: purge.value, isSoft: purge.isSoft, life, sequence };
      if (this.#kept.length >= maxEntries) {
        await this.#rewrite([{ entry: { ...everything, life, sequence }, sweptMs: null }]);
        return;
      }
      if (this.#file === null && this.#kept.length === 0) {
        // A new file, with its name in the folder.
        await this.#rewrite([{ entry, sweptMs: null }]);
        return;
      }
      this.#kept.push({ entry, sweptMs: null });
      this.#file ??= await open(this.#path, "a", 0o600);
      await this.#file.writeFile(`${JSON.stringify(entry)}\n`);
      await this.#file.datasync();
    });
  }

  /** What the purges until now mean for an answer. */
  judge(): (mark: FileMark, answer: SweptAnswer) => PurgeVerdict {
    const purges = new PendingPurges(
      this.#kept.map(({ entry }) => ({ ...entry, sequence: orderOf(entry.life, entry.sequence), found: 0 })),
    );
    return ({ life }, { url, tags, variants, purgeSequence }) =>
      purges.judge({ url, tags, variants, purgeSequence: orderOf(life, purgeSequence) });
  }

  /** All files were swept for the purges up to `sequence` of this life, and those of earlier ones. */
  noteSwept(life: number, sequence: number): void {
    for (const kept of this.#kept)
      if (kept.entry.life < life || kept.entry.sequence <= sequence) kept.sweptMs ??= this.#nowMs();
  }

  /** Drops what is through. @throws the system's error */
  async settle(): Promise<void> {
    const now = this.#nowMs();
    const isThrough = ({ sweptMs }: Kept): boolean => sweptMs !== null && now - sweptMs > settledMs;
    if (!this.#kept.some(isThrough)) return;
    await this.#mutex.run(() => this.#rewrite(this.#kept.filter((kept) => !isThrough(kept))));
  }

  async close(): Promise<void> {
    await this.#mutex.run(() => this.#closeFile());
  }

  async #rewrite(kept: Kept[]): Promise<void> {
    await this.#closeFile();
    if (kept.length === 0) await rm(this.#path, { force: true });
    else await writeDurably(this.#path, kept.map(({ entry }) => `${JSON.stringify(entry)}\n`).join(""));
    this.#kept = kept;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #read(life: number): Promise<Entry[]> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      return [{ ...everything, life, sequence: 0 }];
    }
    const lines = text.split("\n");
    // The last line may be cut: then it was never answered.
    lines.pop();
    const entries = lines.map(readEntry);
    return entries.includes(null) ? [{ ...everything, life, sequence: 0 }] : entries.filter((entry) => entry !== null);
  }
}

function readEntry(line: string): Entry | null {
  try {
    const { kind, value, isSoft, life, sequence } = JSON.parse(line) as Entry;
    const isRight =
      ["url", "prefix", "tag", "all"].includes(kind) &&
      typeof value === "string" &&
      typeof isSoft === "boolean" &&
      typeof life === "number" &&
      typeof sequence === "number";
    return isRight ? { kind, value, isSoft, life, sequence } : null;
  } catch {
    return null;
  }
}

/** Purges and answers of all lives in one order. Lives are restarts: 2^21 of them leave room for 2^32 purges each. */
function orderOf(life: number, sequence: number): number {
  return life * 2 ** 32 + Math.min(sequence, 2 ** 32 - 1);
}
