/**
 * Answers in Redis or Valkey, shared by all instances. A find is one question, and a miss if it is not answered within
 * the time of the store. What is written is a draft in the memory of the process (`staging`), so that other threads can
 * read it while it grows, and goes to the server beside that (`redis-upload.ts`).
 *
 * Purges of all instances are checked by the server with each find (`scripts.ts`); those of this instance are in the
 * process's log as well.
 */
import { cryptoLibrary } from "../../base/crypto-library.ts";
import type { SteadyClock } from "../../base/steady-clock.ts";
import { type StoredAnswer, staleFrom } from "../../http/cache/stored-answer.ts";
import type { CacheStore, Draft, StoredBody } from "../cache-store.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
import { FindPositions } from "./find-positions.ts";
import { keepTimeOf } from "./keep-time.ts";
import { type BodyHost, RedisBody, type RedisReading, writePiece } from "./redis-body.ts";
import { type DraftHost, RedisDraft } from "./redis-draft.ts";
import type { ByteSender, RedisLine, ScriptCall } from "./redis-line.ts";
import type { RedisUpload, UploadedAnswer } from "./redis-upload.ts";
import { type Script, scripts, uploadMs } from "./scripts.ts";
import { shifted, shiftOf } from "./shift-times.ts";
import { type FoundHead, piecesOf, readHead, writeFront } from "./stored-head.ts";
import { type RedisKeys, redisKeysOf } from "./redis-keys.ts";

/** So many bytes of pieces may be on their way to the server; then each upload sends at most one piece more. */
const maxBytesUnderWay = 4_194_304;

/** What a store is made of. */
export interface RedisCacheParts {
  readonly line: RedisLine;
  /** For what exchanges wait for, and for what nobody waits for: a large body holds up no find. */
  readonly senders: { readonly finds: ByteSender; readonly pieces: ByteSender };
  /** Holds drafts in the memory of the process. */
  readonly staging: CacheStore;
  readonly prefix: string;
  readonly maxObjectBytes: number;
  readonly clock: Pick<SteadyClock, "nowMs">;
  readonly purges: Pick<PurgeLog, "floor" | "judgeDraft">;
  /** What was found was not what was written. */
  readonly onTorn: () => void;
  readonly onClose: () => void;
}

/** One thread's window on the answers in one server. */
export class RedisCacheStore implements CacheStore {
  readonly maxObjectBytes: number;
  readonly #parts: RedisCacheParts;
  readonly #keys: RedisKeys;
  readonly #positions = new FindPositions();
  readonly #readings = new Set<RedisReading>();
  readonly #uploads = new Set<RedisUpload>();
  /** Uploads that wait until fewer bytes are on their way. */
  readonly #waiting = new Set<RedisUpload>();
  #bytesUnderWay = 0;
  #isClosed = false;

  constructor(parts: RedisCacheParts) {
    this.#parts = parts;
    this.#keys = redisKeysOf(parts.prefix);
    this.maxObjectBytes = parts.maxObjectBytes;
  }

  /** Learns up to which purge the server has come. What is written before that is not stored. */
  async begin(): Promise<void> {
    await new Promise<void>((resolve) => this.find("", () => resolve()));
  }

  find(key: string, done: (found: StoredBody | null) => void): void {
    if (this.#isClosed) return done(null);
    const name = nameOf(key);
    // Purges of this process up to here have reached the server, or are no matter of it.
    const { floor } = this.#parts.purges;
    this.#ask(this.#call(scripts.find, name), (answer) => {
      const found = answer === null ? null : this.#readFound({ key, name, floor }, answer);
      if (answer === null) this.#positions.forget(name);
      done(found);
    });
  }

  create(key: string, answer: StoredAnswer): Draft | null {
    const { staging, line } = this.#parts;
    if (line.isOut || this.#isClosed || (answer.bodyBytes ?? 0) > this.maxObjectBytes) return null;
    const staged = staging.create(key, answer);
    if (staged === null) return null;
    const id = cryptoLibrary().randomBytes(16).toString("base64url");
    return new RedisDraft({ host: this.#drafts, staged, key, id, position: this.#positions.of(nameOf(key)) });
  }

  findDraft(id: number): StoredBody | null {
    return this.#parts.staging.findDraft(id);
  }

  refresh(key: string, found: StoredBody, answer: StoredAnswer): void {
    if (!(found instanceof RedisBody)) return;
    const { head, position } = found;
    const { clock } = this.#parts;
    const judged = this.#judge(answer);
    if (judged === null) return this.remove(key);
    const nowMs = clock.nowMs();
    const front = writeFront({ ...head, key, answer: judged, nowMs });
    const keepMs = keepTimeOf(judged, nowMs);
    if (keepMs > 0) this.#write(this.#call(scripts.refresh, nameOf(key), front, String(keepMs), position));
  }

  remove(key: string): void {
    this.#write(this.#call(scripts.remove, nameOf(key)));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.line.close();
    for (const upload of this.#uploads) upload.cancel();
    for (const reading of this.#readings) reading.breakOff();
    this.#parts.staging.close();
    this.#parts.onClose();
  }

  /** @returns null if it is not there, or not what was written */
  #readFound({ key, name, floor }: { key: string; name: string; floor: number }, answer: unknown): StoredBody | null {
    const { clock } = this.#parts;
    const [serverNowMs, position, value] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (typeof serverNowMs !== "number" || !Buffer.isBuffer(position)) return null;
    const digits = position.latin1Slice();
    this.#positions.note(name, digits);
    if (!Buffer.isBuffer(value)) return null;
    const head = readHead(value);
    if (head === null || head.key !== key) {
      this.#parts.onTorn();
      this.remove(key);
      return null;
    }
    const nowMs = clock.nowMs();
    const shiftMs = shiftOf({ writerMs: head.writerNowMs, serverMs: head.storedAtMs, serverNowMs, nowMs });
    const own = { ...shifted(head.answer, shiftMs), purgeSequence: floor };
    const bodyBytes = own.variants === null ? head.bodyBytes : own.bodyBytes;
    const current = { ...(head.isSoft ? staleFrom(own, nowMs) : own), bodyBytes };
    return new RedisBody(this.#bodies, { head, answer: current, position: digits });
  }

  #judge(answer: StoredAnswer): StoredAnswer | null {
    switch (this.#parts.purges.judgeDraft(answer)) {
      case "gone":
        return null;
      case "soft":
        return staleFrom(answer, this.#parts.clock.nowMs());
      case "valid":
        return answer;
    }
  }

  /** A script about the answer called `name`. */
  #call(script: Script, name: string, ...args: (string | Buffer)[]): ScriptCall {
    const { answers, purges, prefixes, pieces } = this.#keys;
    return { script, keys: [answers + name, purges, prefixes], args: [pieces, ...args] };
  }

  #ask(call: ScriptCall, done: (answer: unknown) => void): void {
    const { line, senders } = this.#parts;
    line.ask({ sender: senders.finds, call, isUrgent: true, done });
  }

  #write(call: ScriptCall): void {
    const { line, senders } = this.#parts;
    line.ask({ sender: senders.finds, call, isUrgent: false, done: () => {} });
  }

  readonly #bodies: BodyHost = {
    fetchPiece: (head: FoundHead, at: number, done: (piece: Buffer | null) => void): void => {
      const { line, senders } = this.#parts;
      const stem = `${this.#keys.pieces}${head.id}:`;
      const args = [stem, String(at), String(piecesOf(head.bodyBytes) - 1)];
      line.ask({
        sender: senders.pieces,
        call: { script: scripts.read, keys: [stem + at], args },
        isUrgent: false,
        done: (piece) => {
          if (piece !== null && !Buffer.isBuffer(piece)) this.#parts.onTorn();
          done(Buffer.isBuffer(piece) ? piece : null);
        },
      });
    },
    noteReading: (reading) => void this.#readings.add(reading),
    noteRead: (reading) => void this.#readings.delete(reading),
  };

  readonly #drafts: DraftHost = {
    hasRoom: (upload) => {
      if (this.#bytesUnderWay < maxBytesUnderWay) return true;
      this.#waiting.add(upload);
      return false;
    },
    sendPiece: (id, at, bytes, done) => {
      const { line, senders } = this.#parts;
      this.#bytesUnderWay += bytes.length;
      line.ask({
        sender: senders.pieces,
        call: ["SET", `${this.#keys.pieces}${id}:${at}`, writePiece(bytes), "PX", String(uploadMs)],
        isUrgent: false,
        done: (answer) => {
          this.#bytesUnderWay -= bytes.length;
          done(answer !== null);
          this.#resumeWaiting();
        },
      });
    },
    judge: (answer) => this.#judge(answer),
    storeHead: (key, position, uploaded) => this.#storeHead(key, position, uploaded),
    noteUploading: (upload) => void this.#uploads.add(upload),
    noteUploaded: (upload) => {
      this.#uploads.delete(upload);
      this.#waiting.delete(upload);
    },
    forgetStaged: (key) => this.#parts.staging.remove(key),
  };

  #resumeWaiting(): void {
    for (const upload of this.#waiting) {
      if (this.#bytesUnderWay >= maxBytesUnderWay) return;
      this.#waiting.delete(upload);
      upload.resume();
    }
  }

  #storeHead(key: string, position: string, { answer, id, bodyBytes, beginning }: UploadedAnswer): void {
    const nowMs = this.#parts.clock.nowMs();
    const keepMs = keepTimeOf(answer, nowMs);
    if (keepMs === 0) return;
    const front = writeFront({ key, answer, id, bodyBytes, nowMs, beginning });
    const value = beginning.length === 0 ? front : Buffer.concat([front, beginning]);
    this.#write(this.#call(scripts.store, nameOf(key), value, String(keepMs), position));
  }
}

/** What stands for a key in the server: whoever chooses the key cannot choose the name. */
function nameOf(key: string): string {
  return cryptoLibrary().hash("sha256", key, "base64url");
}
