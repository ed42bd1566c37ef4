/** The file of a draft: what is done to it, one call at a time. Failures are handed on. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { DiskHost } from "./disk-host.ts";
import { answerBytesOf, type FileMark, writeHead } from "./object-file.ts";

type Failure = NodeJS.ErrnoException | null;

/** What a file is made with. */
export interface DraftFileParts {
  readonly host: DiskHost;
  readonly key: string;
  readonly low: number;
  readonly high: number;
  /** Of the draft. */
  readonly name: FileMark;
  /** Stands in the file. */
  readonly mark: FileMark;
  readonly slotBytes: number;
}

export class DraftFile {
  /** -1 = it is not open. */
  fd = -1;
  /** It has the name of a draft. */
  isThere = false;
  readonly #parts: DraftFileParts;

  constructor(parts: DraftFileParts) {
    this.#parts = parts;
  }

  /** The name that it gets in the end. */
  get objectPath(): string {
    const { host, low, high } = this.#parts;
    return host.layout.object(low, high);
  }

  get #draftPath(): string {
    const { host, name } = this.#parts;
    return host.layout.draft(name.life, name.draft);
  }

  open(done: (error: Failure) => void): void {
    this.#parts.host.files.open(this.#draftPath, "wx+", (error, fd) => {
      if (error === null) {
        this.fd = fd;
        this.isThere = true;
      }
      done(error);
    });
  }

  /** @returns null if it has no room in its place */
  headOf(answer: StoredAnswer, bodyBytes: number): Buffer | null {
    const { key, slotBytes, mark } = this.#parts;
    const head = Buffer.alloc(2 * slotBytes);
    return writeHead(head, { key, slotBytes, ...mark, revision: 0, bodyBytes }, answerBytesOf(answer)) ? head : null;
  }

  /** @param done is given an error also if the system took only a part: there is no room for more */
  write(buffers: readonly Buffer[], position: number, done: (error: Failure) => void): void {
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    this.#parts.host.files.write(this.fd, buffers, position, (error, bytes) => {
      done(error ?? (bytes < length ? noRoom() : null));
    });
  }

  /** Gives it the name of its answer, in folders that are made when they are needed first. */
  rename(done: (error: Failure) => void): void {
    const { files } = this.#parts.host;
    files.rename(this.#draftPath, this.objectPath, (error) => {
      if (error?.code === "ENOENT") this.#makeFolders(0, done);
      else this.#renamed(error, done);
    });
  }

  #makeFolders(made: number, done: (error: Failure) => void): void {
    const { host, low } = this.#parts;
    const folder = host.layout.objectFolders(low)[made];
    if (folder === undefined) {
      host.files.rename(this.#draftPath, this.objectPath, (error) => this.#renamed(error, done));
      return;
    }
    host.files.mkdir(folder, (error) => {
      if (error === null || error.code === "EEXIST") this.#makeFolders(made + 1, done);
      else done(error);
    });
  }

  #renamed(error: Failure, done: (error: Failure) => void): void {
    if (error === null) this.isThere = false;
    done(error);
  }

  unlink(done: (error: Failure) => void): void {
    this.#parts.host.files.unlink(this.#draftPath, (error) => {
      this.isThere = false;
      done(error?.code === "ENOENT" ? null : error);
    });
  }

  close(): void {
    if (this.fd !== -1) this.#parts.host.files.close(this.fd);
    this.fd = -1;
  }
}

function noRoom(): NodeJS.ErrnoException {
  return Object.assign(new Error("not all was written"), { code: "ENOSPC" });
}
