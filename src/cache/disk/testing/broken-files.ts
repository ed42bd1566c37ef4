/** Files that fail, hang, tear or end at a chosen call, for tests of what a store makes of it. */
import { type DiskFiles, systemFiles } from "../disk-files.ts";

/** One call, in the order of all. */
export interface FileCall {
  readonly number: number;
  readonly kind: keyof DiskFiles;
  readonly path: string;
}

/** What becomes of a call: null = what it asks for. */
export type Verdict =
  | null
  /** It fails with this error of the system. */
  | { readonly code: string }
  /** It does what it is asked, or only the first part of a write, and then nothing is done any more. */
  | { readonly dies: "after" | "before" | { readonly writtenShare: number } }
  /** Nothing is heard of it before `release`. */
  | "hangs";

/** Files whose calls are counted, and judged one by one. */
export class BrokenFiles implements DiskFiles {
  calls = 0;
  isDead = false;
  readonly #judge: (call: FileCall) => Verdict;
  readonly #onDeath: () => void;
  #held: (() => void)[] = [];
  #underWay = 0;

  constructor(judge: (call: FileCall) => Verdict, onDeath: () => void = () => {}) {
    this.#judge = judge;
    this.#onDeath = onDeath;
  }

  /** Lets go on what hangs. */
  release(): void {
    for (const run of this.#held.splice(0)) run();
  }

  /** Waits for the calls that the system has been given: they are done also if the process has died. */
  async settled(): Promise<void> {
    while (this.#underWay > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  open(path: string, flags: "r" | "r+" | "wx+", done: (error: NodeJS.ErrnoException | null, fd: number) => void): void {
    this.#do(
      "open",
      path,
      (error) => done(error, -1),
      (next) => systemFiles.open(path, flags, (error, fd) => next(() => done(error, fd))),
    );
  }

  read(
    fd: number,
    target: Buffer,
    position: number,
    done: (error: NodeJS.ErrnoException | null, bytes: number) => void,
  ): void {
    this.#do(
      "read",
      "",
      (error) => done(error, 0),
      (next) => systemFiles.read(fd, target, position, (error, bytes) => next(() => done(error, bytes))),
    );
  }

  write(
    fd: number,
    buffers: readonly Buffer[],
    position: number,
    done: (error: NodeJS.ErrnoException | null, bytes: number) => void,
  ): void {
    this.#do(
      "write",
      "",
      (error) => done(error, 0),
      (next, share) => {
        const all = Buffer.concat(buffers);
        const some = all.subarray(0, Math.floor(all.length * share));
        systemFiles.write(fd, [some], position, (error, bytes) => next(() => done(error, bytes)));
      },
    );
  }

  rename(from: string, to: string, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#do("rename", to, done, (next) => systemFiles.rename(from, to, (error) => next(() => done(error))));
  }

  unlink(path: string, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#do("unlink", path, done, (next) => systemFiles.unlink(path, (error) => next(() => done(error))));
  }

  mkdir(path: string, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#do("mkdir", path, done, (next) => systemFiles.mkdir(path, (error) => next(() => done(error))));
  }

  close(fd: number): void {
    // What a process has open is closed when it dies.
    systemFiles.close(fd);
  }

  #do(
    kind: keyof DiskFiles,
    path: string,
    fail: (error: NodeJS.ErrnoException) => void,
    run: (next: (done: () => void) => void, writtenShare: number) => void,
  ): void {
    if (this.isDead) return;
    const verdict = this.#judge({ number: this.calls++, kind, path });
    const start = (finish: (done: () => void) => void, writtenShare: number): void => {
      this.#underWay++;
      run((done) => {
        this.#underWay--;
        finish(done);
      }, writtenShare);
    };
    if (verdict === null) start((done) => this.isDead || done(), 1);
    else if (verdict === "hangs") this.#held.push(() => start((done) => this.isDead || done(), 1));
    else if ("code" in verdict)
      setImmediate(() => fail(Object.assign(new Error(verdict.code), { code: verdict.code })));
    else {
      const { dies } = verdict;
      this.isDead = true;
      if (dies === "before") this.#onDeath();
      else start(() => this.#onDeath(), dies === "after" ? 1 : dies.writtenShare);
    }
  }
}
