/** The deletions of files that are under way in this thread: a file of the same name is not put there meanwhile. */
import type { DiskFiles } from "./disk-files.ts";
import type { DiskTask, DiskWork } from "./disk-work.ts";

type Failure = NodeJS.ErrnoException | null;

/** What deletions are made with. */
export interface UnlinksParts {
  readonly files: DiskFiles;
  readonly work: DiskWork;
  readonly onError: (error: NodeJS.ErrnoException) => void;
}

/** Deletes files. A file that is not there is as good as deleted. */
export class Unlinks {
  readonly #parts: UnlinksParts;
  /** By path: what waits until it is through. */
  readonly #underWay = new Map<string, (() => void)[]>();

  constructor(parts: UnlinksParts) {
    this.#parts = parts;
  }

  has(path: string): boolean {
    return this.#underWay.has(path);
  }

  /** Calls `run` when the deletion of `path`, which is under way, is through. */
  after(path: string, run: () => void): void {
    this.#underWay.get(path)?.push(run);
  }

  /** Deletes a file as one more task. */
  add(path: string): void {
    if (this.#underWay.has(path)) return;
    this.#underWay.set(path, []);
    const { work, onError } = this.#parts;
    const task: DiskTask = {
      start: () =>
        this.now(path, (error) => {
          work.ended();
          if (error !== null) onError(error);
        }),
    };
    work.run(task);
  }

  /** Deletes a file at once; the caller has the turn. */
  now(path: string, done: (error: Failure) => void): void {
    if (!this.#underWay.has(path)) this.#underWay.set(path, []);
    this.#parts.files.unlink(path, (error) => {
      const waiting = this.#underWay.get(path) ?? [];
      this.#underWay.delete(path);
      done(error === null || error.code === "ENOENT" || error.code === "ENOTDIR" ? null : error);
      for (const run of waiting) run();
    });
  }
}
