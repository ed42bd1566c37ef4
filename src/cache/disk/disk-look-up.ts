/**
 * One look for a key on the disk: opens the file, reads its beginning, and checks what it says. A small body comes with
 * it, in one read. A miss is given as soon as the time is over; what the disk says afterwards is thrown away.
 */
import type { Wait } from "../../store/deadline-queue.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { StoredBody } from "../cache-store.ts";
import type { DiskHost } from "./disk-host.ts";
import { blockBytes } from "./disk-index.ts";
import type { DiskTask } from "./disk-work.ts";
import { FileBody } from "./file-body.ts";
import { checkBytes, fileBytesOf, isWholePiece, type ObjectHead, pieceBytes, readHeads } from "./object-file.ts";
import { SmallBody } from "./small-body.ts";

/** What is read first, if nobody knows how large the file is. */
const firstReadBytes = 20_480;
/** What is read at once: a body of one piece, with its head. */
const maxFirstReadBytes = pieceBytes + 8_192;

/** What a look-up is made with. */
export interface LookUpParts {
  readonly host: DiskHost;
  readonly key: string;
  readonly low: number;
  readonly high: number;
  /** 0 = nobody knows: it may not be there at all. */
  readonly blocks: number;
  readonly done: (found: StoredBody | null) => void;
  /** Takes what reads a file, until it ends. */
  readonly bodies: Set<FileBody>;
  /** The file is damaged, or not there although it should be. */
  readonly onLost: (low: number, high: number, why: "damaged" | "gone") => void;
}

export class DiskLookUp implements DiskTask, Wait {
  isOver = false;
  readonly #parts: LookUpParts;

  constructor(parts: LookUpParts) {
    this.#parts = parts;
  }

  /** The time is over. */
  onDue(): void {
    this.#parts.host.report("hang", null);
    this.#parts.done(null);
  }

  /** Nothing is called back any more. */
  close(): void {
    this.isOver = true;
  }

  start(): void {
    const { host, low, high } = this.#parts;
    if (this.isOver) {
      host.work.ended();
      return;
    }
    host.files.open(host.layout.object(low, high), "r", (error, fd) => {
      if (error === null) {
        if (this.isOver) this.#giveUp(fd);
        else this.#read(fd, this.#firstBytes());
        return;
      }
      host.work.ended();
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") host.report("open", error);
      else if (this.#parts.blocks > 0) this.#parts.onLost(low, high, "gone");
      this.#say(null);
    });
  }

  #firstBytes(): number {
    const bytes = this.#parts.blocks * blockBytes;
    return bytes === 0 ? firstReadBytes : Math.min(bytes, maxFirstReadBytes);
  }

  #read(fd: number, length: number): void {
    const { host, low, high } = this.#parts;
    const target = Buffer.allocUnsafeSlow(length);
    host.files.read(fd, target, 0, (error, count) => {
      if (this.isOver) {
        this.#giveUp(fd);
        return;
      }
      const bytes = target.subarray(0, count);
      const head = error === null ? readHeads(bytes) : null;
      if (typeof head === "number" && count === length) {
        this.#read(fd, head);
        return;
      }
      host.work.ended();
      if (head === null || typeof head === "number") {
        host.files.close(fd);
        host.report(error === null ? "checksum" : "read", error);
        this.#parts.onLost(low, high, "damaged");
        this.#say(null);
      } else this.#found(fd, head, bytes);
    });
  }

  #found(fd: number, head: ObjectHead, bytes: Buffer): void {
    const { host, key, low, high, bodies, onLost } = this.#parts;
    // Two keys with the same hash: the one that was stored later has the file.
    if (head.key !== key) {
      host.files.close(fd);
      this.#say(null);
      return;
    }
    const { slotBytes, bodyBytes } = head;
    const answer = asOfNow(head, host);
    const mark = { life: head.life, draft: head.draft };
    const bodyAt = 2 * slotBytes;
    if (bodyBytes <= pieceBytes && bytes.length >= fileBytesOf(slotBytes, bodyBytes)) {
      host.files.close(fd);
      const piece = bytes.subarray(bodyAt, bodyAt + bodyBytes + checkBytes);
      if (bodyBytes === 0 || isWholePiece(mark, 0, piece)) {
        this.#say(new SmallBody(answer, mark, piece.subarray(0, bodyBytes)));
        return;
      }
      host.report("checksum", null);
      onLost(low, high, "damaged");
      this.#say(null);
      return;
    }
    const onDamage = (): void => onLost(low, high, "damaged");
    const onEnd = (ended: FileBody): void => void bodies.delete(ended);
    const body = new FileBody({ host, answer, mark, fd, slotBytes, bodyBytes, onDamage, onEnd });
    bodies.add(body);
    this.#say(body);
  }

  #giveUp(fd: number): void {
    this.#parts.host.files.close(fd);
    this.#parts.host.work.ended();
  }

  #say(found: StoredBody | null): void {
    this.isOver = true;
    if (found !== null) this.#parts.host.onWorking();
    this.#parts.done(found);
  }
}

/**
 * The answer of a file. What an earlier process has stored was checked against all purges before it could be found, and
 * its times may lie ahead if the machine's clock was set back: then all of them move with the first.
 */
export function asOfNow({ answer, life }: ObjectHead, host: Pick<DiskHost, "index" | "nowMs">): StoredAnswer {
  if (life === host.index.life) return answer;
  const aheadMs = Math.max(0, answer.bornMs - host.nowMs());
  return {
    ...answer,
    bornMs: answer.bornMs - aheadMs,
    freshUntilMs: answer.freshUntilMs - aheadMs,
    staleWhileRevalidateUntilMs: answer.staleWhileRevalidateUntilMs - aheadMs,
    staleIfErrorUntilMs: answer.staleIfErrorUntilMs - aheadMs,
    purgeSequence: 0,
  };
}
