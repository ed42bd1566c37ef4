/** An answer that is being written: a draft in the memory of the process, and its upload beside that. */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { Draft, StoredBody } from "../cache-store.ts";
import { RedisUpload, type UploadedAnswer, type UploadHost } from "./redis-upload.ts";

/** What a store does for its drafts. */
export interface DraftHost {
  hasRoom(upload: RedisUpload): boolean;
  sendPiece: UploadHost["sendPiece"];
  /** @returns the answer as it may be stored; null if a purge of this process concerns it */
  judge(answer: StoredAnswer): StoredAnswer | null;
  storeHead(key: string, position: string, uploaded: UploadedAnswer): void;
  noteUploading(upload: RedisUpload): void;
  noteUploaded(upload: RedisUpload): void;
  /** It is complete in the memory of the process: readers have it, and nobody needs to find it there. */
  forgetStaged(key: string): void;
}

/** What a draft is made of. */
export interface RedisDraftParts {
  readonly host: DraftHost;
  readonly staged: Draft;
  readonly key: string;
  /** The last purge when its key was looked up. */
  readonly position: string;
  /** Random, 22 characters. */
  readonly id: string;
}

/** One answer that this thread writes. */
export class RedisDraft implements Draft, UploadHost {
  readonly id: number;
  onWritable: (() => void) | null = null;
  onFailure: (() => void) | null = null;
  onDeserted: (() => void) | null = null;
  readonly #host: DraftHost;
  readonly #staged: Draft;
  readonly #key: string;
  readonly #position: string;
  readonly #upload: RedisUpload;

  constructor({ host, staged, key, position, id }: RedisDraftParts) {
    this.id = staged.id;
    this.#host = host;
    this.#staged = staged;
    this.#key = key;
    this.#position = position;
    staged.onWritable = () => this.onWritable?.();
    this.#upload = new RedisUpload(this, id);
    staged.onFailure = () => {
      this.#upload.cancel();
      this.onFailure?.();
    };
    staged.onDeserted = () => this.onDeserted?.();
    host.noteUploading(this.#upload);
    this.#upload.start((sink) => staged.read().open(0, Infinity, sink));
  }

  append(chunk: Buffer): boolean {
    return this.#staged.append(chunk);
  }

  commit(answer: StoredAnswer): void {
    const judged = this.#host.judge(answer);
    if (judged === null) this.#upload.cancel();
    else this.#upload.complete(judged);
    this.#staged.commit(answer);
    this.#host.forgetStaged(this.#key);
  }

  abort(): void {
    this.#upload.cancel();
    this.#staged.abort();
  }

  read(): StoredBody {
    return this.#staged.read();
  }

  // `UploadHost`.

  hasRoom(upload: RedisUpload): boolean {
    return this.#host.hasRoom(upload);
  }

  sendPiece(id: string, at: number, bytes: Buffer, done: (hasArrived: boolean) => void): void {
    this.#host.sendPiece(id, at, bytes, done);
  }

  storeHead(uploaded: UploadedAnswer): void {
    this.#host.storeHead(this.#key, this.#position, uploaded);
  }

  noteOver(upload: RedisUpload): void {
    this.#host.noteUploaded(upload);
  }
}
