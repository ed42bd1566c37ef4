/**
 * Values as files of a folder that nobody else can read. A file is written beside, brought to the disk and renamed: a
 * crash or a full disk leaves the old one. Locks are files, too, kept alive by their time of change.
 */
import { randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { link, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { makePrivateFolder, writeDurably, writeThrough } from "../../base/durable-file.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import { type AcmeStore, assertStoreKey, lockLifeMs, type StoreLock } from "./acme-store.ts";
import { LockBeat } from "./lock-beat.ts";

/** Locks that this process holds: one of its own that is not among them is left from an earlier life. */
const heldHere = new Set<string>();

/** The files of one folder. */
export class FolderStore implements AcmeStore {
  readonly #folder: string;
  readonly #scheduler: Scheduler;

  constructor(folder: string, scheduler: Scheduler) {
    this.#folder = folder;
    this.#scheduler = scheduler;
  }

  async read(key: string): Promise<string | null> {
    return readText(this.#path(key));
  }

  async write(key: string, value: string): Promise<void> {
    await writeDurably(this.#path(key), value);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async lock(name: string): Promise<StoreLock | null> {
    const path = this.#path(`locks/${name}`);
    await makePrivateFolder(dirname(path));
    const owner = randomUUID();
    // Before the file is there: another that finds it must not think that it is left from an earlier life.
    heldHere.add(owner);
    let isTaken = false;
    try {
      isTaken = (await takeLock(path, owner)) || ((await removeStale(path)) && (await takeLock(path, owner)));
    } finally {
      if (!isTaken) heldHere.delete(owner);
    }
    if (!isTaken) return null;
    const isOurs = async (): Promise<boolean> => readOwner(await readText(path))?.id === owner;
    return new LockBeat({
      scheduler: this.#scheduler,
      beat: async () => {
        if (!(await isOurs())) return false;
        const now = new Date();
        await utimes(path, now, now);
        return true;
      },
      release: async () => {
        heldHere.delete(owner);
        if (await isOurs()) await rm(path, { force: true });
      },
    });
  }

  close(): void {}

  #path(key: string): string {
    assertStoreKey(key);
    return join(this.#folder, `${key}.json`);
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Who holds a lock. */
interface LockOwner {
  readonly id: string;
  readonly machine: string;
  readonly pid: number;
}

/** This machine, as far as its process numbers reach: a container has its own. */
const machine = ((): string => {
  try {
    return `${hostname()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
})();

/** null if the text is torn, empty or of somebody else. */
function readOwner(text: string | null): LockOwner | null {
  try {
    const owner = JSON.parse(text ?? "") as LockOwner | null;
    return typeof owner?.id === "string" ? owner : null;
  } catch {
    return null;
  }
}

/** The file appears with its contents, or not at all. @returns false if there is one */
async function takeLock(path: string, id: string): Promise<boolean> {
  const pending = `${path}.${id}.tmp`;
  const owner: LockOwner = { id, machine, pid: process.pid };
  try {
    await writeThrough(pending, JSON.stringify(owner));
    await link(pending, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    // A full disk has room for the name, and keeps it.
    await rm(pending, { force: true }).catch(() => {});
  }
}

/** Takes a lock away whose holder gives no sign of life. @returns whether there is none any more */
async function removeStale(path: string): Promise<boolean> {
  const text = await readText(path);
  if (text === null) return true;
  const { mtimeMs, ino } = await stat(path).catch(() => ({ mtimeMs: 0, ino: 0 }));
  // A time in the future is as wrong as one that is long over.
  if (!isDead(readOwner(text)) && isRecent(mtimeMs)) return false;
  // A second name of the very file that was looked at, which one process alone can make: others must not move away
  // what was locked anew meanwhile.
  const claim = `${path}.${ino}-${mtimeMs}.tmp`;
  if (!(await claimFile(path, claim))) return false;
  try {
    const isTheSame = (await readText(claim)) === text && (await stat(claim)).mtimeMs === mtimeMs;
    return isTheSame && (await moveAway(path, text));
  } finally {
    await rm(claim, { force: true });
  }
}

/** A time of a file that is near enough to believe that its process lives. */
function isRecent(timeMs: number): boolean {
  return Math.abs(Date.now() - timeMs) < lockLifeMs;
}

/** @returns false if the file is gone, or another process has claimed it. A claim that its process left behind ends */
async function claimFile(path: string, claim: string): Promise<boolean> {
  try {
    await link(path, claim);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
    const left = code === "EEXIST" ? await stat(claim).catch(() => null) : null;
    if (left !== null && !isRecent(left.ctimeMs)) await rm(claim, { force: true });
    return false;
  }
}

/** Removes a lock that holds `text`. @returns false if it is another one by now, which stays */
async function moveAway(path: string, text: string): Promise<boolean> {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await rename(path, aside);
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  // Its holder may have come back, and released it, and somebody has taken it: it is given back.
  const isTheSame = (await readText(aside)) === text;
  if (!isTheSame) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
  return isTheSame;
}

/** Its process is known to be gone. */
function isDead(owner: LockOwner | null): boolean {
  if (owner === null || owner.machine !== machine) return false;
  if (owner.pid === process.pid) return !heldHere.has(owner.id);
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
