/**
 * Watches one file that people or programs write: the file itself, its folder as a whole (it may be replaced), and every symbolic
 * link on the way to it. The entries of a folder are watched only if a link or a missing name stands in it, and then
 * only notices about those names count: a busy file beside the configuration (a log) puts nothing off.
 */
import { type FSWatcher, watch } from "node:fs";
import { readlink, stat } from "node:fs/promises";
import { basename, dirname, parse, resolve, sep } from "node:path";

/** What a watched path is: the names in a folder that count, or null for a file watched by itself. */
type Names = ReadonlySet<string> | null;

interface Watched {
  readonly watcher: FSWatcher;
  /** Which file stood there when the watch began; a file that is replaced is another one. */
  readonly identity: string;
  names: Names;
}

/** More links than this are a circle; the limit of Linux (path_resolution(7)). */
const maxLinks = 40;

/** The watch on one path. */
export class FileWatch {
  readonly #file: string;
  readonly #onNotice: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Map<string, Watched>();
  #isClosed = false;

  /** @param file an absolute path */
  constructor(file: string, onNotice: () => void, onError: (error: unknown) => void) {
    this.#file = file;
    this.#onNotice = onNotice;
    this.#onError = onError;
  }

  close(): void {
    this.#isClosed = true;
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  /**
   * Makes the watches fit what stands there now. Call it before the file is read: what changes later gives a notice.
   */
  async refresh(): Promise<void> {
    const wanted = await findPlaces(this.#file);
    for (const [path, watched] of this.#watched) {
      const names = wanted.get(path);
      const isSame =
        names !== undefined &&
        (names === null) === (watched.names === null) &&
        watched.identity === (await identityOf(path));
      if (isSame) watched.names = names;
      else this.#drop(path, watched);
    }
    for (const [path, names] of wanted) if (!this.#watched.has(path)) await this.#add(path, names);
  }

  async #add(path: string, names: Names): Promise<void> {
    const identity = await identityOf(path);
    if (this.#isClosed) return;
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => this.#notice(path, name));
      const watched = { watcher, identity, names };
      watcher.on("error", (error) => {
        this.#drop(path, watched);
        this.#onError(error);
      });
      this.#watched.set(path, watched);
    } catch (error) {
      this.#onError(error); // The poll goes on.
    }
  }

  #drop(path: string, watched: Watched): void {
    watched.watcher.close();
    if (this.#watched.get(path) === watched) this.#watched.delete(path);
  }

  #notice(path: string, name: string | null): void {
    const names = this.#watched.get(path)?.names;
    // A folder that goes away gives a notice with its own name.
    if (names !== null && names !== undefined && name !== null && !names.has(name) && name !== basename(path)) return;
    this.#onNotice();
  }
}

/**
 * What must be watched to notice every change of `file`: the file by itself, and of each folder with a link on the way
 * the names of those links. If the file is missing, the name that is missing is watched in the last folder that is
 * there.
 */
async function findPlaces(file: string): Promise<Map<string, Names>> {
  const places = new Map<string, Names>();
  const addName = (folder: string, name: string): void => {
    const names = places.get(folder);
    places.set(folder, new Set([...(names ?? []), name]));
  };
  let links = 0;
  let at = parse(file).root;
  let rest = file
    .slice(at.length)
    .split(sep)
    .filter((part) => part !== "");
  while (rest.length > 0) {
    const [name = "", ...others] = rest;
    const path = resolve(at, name);
    const target = await readlink(path).catch((error: NodeJS.ErrnoException) =>
      error.code === "EINVAL" ? null : undefined,
    );
    if (target === undefined) {
      addName(at, name);
      return places;
    }
    if (target === null) {
      at = path;
      rest = others;
      continue;
    }
    addName(at, name);
    if (++links > maxLinks) return places;
    const whole = resolve(at, target, ...others);
    at = parse(whole).root;
    rest = whole
      .slice(at.length)
      .split(sep)
      .filter((part) => part !== "");
  }
  places.set(at, null);
  // The folder of the file may be moved away and replaced.
  const folder = dirname(at);
  if (folder !== dirname(folder)) addName(dirname(folder), basename(folder));
  return places;
}

async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}
