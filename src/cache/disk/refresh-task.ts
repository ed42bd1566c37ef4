/**
 * Gives a file another head, after its answer was validated: written over the older one of its two, so that whoever
 * reads the file meanwhile finds one that is whole. If the new one has no room there, the caller is told, and stores the
 * body again (`rewrite-body.ts`).
 */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { DiskHost } from "./disk-host.ts";
import type { DiskTask } from "./disk-work.ts";
import { answerBytesOf, type FileMark, maxSlotBytes, type ObjectHead, readHeads, writeHead } from "./object-file.ts";

/** "other": the file is another by now, or could not be written; then nothing is changed. */
export type RefreshOutcome = "written" | "too-large" | "other";

/** What a refresh is made with. */
export interface RefreshParts {
  readonly host: DiskHost;
  readonly low: number;
  readonly high: number;
  readonly mark: FileMark;
  readonly answer: StoredAnswer;
  readonly done: (outcome: RefreshOutcome) => void;
}

const firstReadBytes = 4_096;

export class RefreshTask implements DiskTask {
  readonly #parts: RefreshParts;

  constructor(parts: RefreshParts) {
    this.#parts = parts;
  }

  start(): void {
    const { host, low, high } = this.#parts;
    host.files.open(host.layout.object(low, high), "r+", (error, fd) => {
      if (error === null) this.#read(fd, firstReadBytes);
      else {
        if (error.code !== "ENOENT") host.report("open", error);
        this.#end(-1, "other");
      }
    });
  }

  #read(fd: number, length: number): void {
    const { host, mark } = this.#parts;
    const target = Buffer.allocUnsafeSlow(length);
    host.files.read(fd, target, 0, (error, count) => {
      const head = error === null ? readHeads(target.subarray(0, count)) : null;
      if (typeof head === "number" && count === length && head <= 2 * maxSlotBytes) this.#read(fd, head);
      else if (head === null || typeof head === "number" || head.life !== mark.life || head.draft !== mark.draft)
        this.#end(fd, "other");
      else this.#write(fd, head);
    });
  }

  #write(fd: number, head: ObjectHead): void {
    const { host, answer } = this.#parts;
    const target = Buffer.alloc(head.slotBytes);
    const says = { ...head, revision: (head.revision + 1) >>> 0 };
    if (!writeHead(target, says, answerBytesOf({ ...answer, bodyBytes: head.bodyBytes }))) {
      this.#end(fd, "too-large");
      return;
    }
    host.files.write(fd, [target], head.slot === 0 ? head.slotBytes : 0, (error, bytes) => {
      if (error !== null) host.report("write", error);
      this.#end(fd, error === null && bytes === target.length ? "written" : "other");
    });
  }

  #end(fd: number, outcome: RefreshOutcome): void {
    const { host, done } = this.#parts;
    if (fd !== -1) host.files.close(fd);
    host.work.ended();
    done(outcome);
  }
}
