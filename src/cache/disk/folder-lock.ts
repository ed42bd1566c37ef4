/**
 * One process at a time has a folder. The lock is a file that its owner touches again and again; it says who that is. It
 * is taken over if the owner is known to be dead (it was seen by the same kernel, in the same world of process ids), or
 * if nobody has touched it for a while: the owner was on another machine, or in another container.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, readlink, rename, rm, stat, utimes, writeFile } from "node:fs/promises";

/** A lock that was not touched for so long has no owner. It is touched some six times meanwhile. */
const abandonedMs = 30_000;

interface Owner {
  /** Tells every taking of a lock from every other. */
  readonly token: string;
  readonly pid: number;
  /** When the process began, as the kernel counts; "" = not known. */
  readonly started: string;
  /** Which start of which machine, and which world of process ids; "" = not known. */
  readonly world: string;
}

/** The lock of one folder, in one process. */
export class FolderLock {
  readonly #path: string;
  readonly #nowMs: () => number;
  #token: string | null = null;

  /** @param nowMs the time of day, as the file system has it */
  constructor(path: string, nowMs: () => number = Date.now) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** @returns null if it is taken now, else who has it: the id of a process @throws the system's error */
  async take(): Promise<number | null> {
    const own = await describeSelf();
    for (let tries = 0; tries < 3; tries++) {
      try {
        await writeFile(this.#path, JSON.stringify(own), { flag: "wx", mode: 0o600 });
        this.#token = own.token;
        return null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = await this.#read();
      if (owner !== null && !(await this.#isAbandoned(owner))) return owner.pid;
      await this.#putAside(owner);
    }
    return (await this.#read())?.pid ?? 0;
  }

  /** Says that the owner is alive. @returns false if somebody else has the lock by now, or nobody */
  async touch(): Promise<boolean> {
    if (this.#token === null) return false;
    if ((await this.#read())?.token !== this.#token) return false;
    const now = this.#nowMs() / 1_000;
    await utimes(this.#path, now, now).catch(() => {});
    return true;
  }

  async give(): Promise<void> {
    const token = this.#token;
    this.#token = null;
    if (token !== null && (await this.#read())?.token === token) await rm(this.#path, { force: true });
  }

  /** null = there is none, or it says nothing. */
  async #read(): Promise<Owner | null> {
    try {
      const owner = JSON.parse(await readFile(this.#path, "utf8")) as Partial<Owner> | null;
      const { token, pid, started, world } = owner ?? {};
      if (typeof token !== "string" || typeof pid !== "number") return null;
      return { token, pid, started: String(started ?? ""), world: String(world ?? "") };
    } catch {
      return null;
    }
  }

  async #isAbandoned(owner: Owner): Promise<boolean> {
    const world = await describeWorld();
    if (world !== "" && owner.world === world) return !isAlive(owner);
    const touched = await stat(this.#path).catch(() => null);
    return touched === null || this.#nowMs() - touched.mtimeMs > abandonedMs;
  }

  /**
   * Takes a lock without an owner away. If somebody was faster, what is taken away is a lock that is in use: it is put
   * back. A lock that says nothing may be one that is just being written.
   */
  async #putAside(owner: Owner | null): Promise<void> {
    if (owner === null) {
      const touched = await stat(this.#path).catch(() => null);
      if (touched !== null && this.#nowMs() - touched.mtimeMs <= abandonedMs) return;
    }
    const aside = `${this.#path}.${randomUUID()}`;
    try {
      await rename(this.#path, aside);
    } catch {
      return;
    }
    const taken = await readFile(aside, "utf8").catch(() => "");
    if (owner !== null && !taken.includes(owner.token)) await rename(aside, this.#path).catch(() => {});
    else await rm(aside, { force: true });
  }
}

async function describeSelf(): Promise<Owner> {
  return {
    token: randomUUID(),
    pid: process.pid,
    started: startOf(process.pid) ?? "",
    world: await describeWorld(),
  };
}

async function describeWorld(): Promise<string> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}

function isAlive({ pid, started }: Owner): boolean {
  const now = startOf(pid);
  return now !== null && (started === "" || now === started);
}

/** When a process began; null = there is none. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? "");
  } catch {
    return null;
  }
}
