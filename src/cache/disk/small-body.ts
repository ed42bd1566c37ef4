/** A body that came with its head in one read: it is in memory, checked, and the file is closed. */
import { BodyReader } from "./body-reader.ts";
import type { FileMark } from "./object-file.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";

/** What was read of a file names the file. */
export interface FromFile {
  readonly mark: FileMark;
}

export class SmallBody extends BodyReader implements FromFile {
  readonly mark: FileMark;
  readonly #body: Buffer;

  constructor(answer: StoredAnswer, mark: FileMark, body: Buffer) {
    super(answer);
    this.mark = mark;
    this.#body = body;
  }

  get isGrowing(): boolean {
    return false;
  }

  protected more(): void {
    this.end = Math.min(this.end, this.#body.length);
    if (this.position < this.end) this.give(this.#body.subarray(this.position, this.end));
    if (this.position >= this.end) this.finish();
  }

  protected letGo(): void {}
}
