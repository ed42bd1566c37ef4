/**
 * The file of a stored answer:
 *
 *   head · second head · body in pieces of 64 KiB, a checksum of 4 bytes behind each (also behind the last, shorter one)
 *
 * Everything that is given to somebody has been checked before: a file that a crash has torn, or a disk has changed, is
 * a miss. There are two places for the head: a refresh writes the one that is not valid, or the older one, so that a
 * reader at the same time, or after a crash, finds at least the other. The checksum of a piece begins with what tells
 * this file from all others of the folder, and with the number of the piece: blocks of an older file that the system
 * has not overwritten are not taken for it.
 *
 * A head: 0 magic · 4 length of a head's place · 8 length of this head · 12 length of the key · 16 life · 20 draft
 * (together they name the file) · 24 revision · 28 length of the body (8 bytes) · 36 checksum of all of this head but
 * these four bytes · 40 key (latin1), then what `stored-answer-bytes.ts` writes.
 */
import { crc32 } from "node:zlib";
import { mix32 } from "../../base/hash.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { readStoredAnswer, writeStoredAnswer } from "../stored-answer-bytes.ts";

/** How much of a body one checksum stands for. */
export const pieceBytes = 65_536;
export const checkBytes = 4;

const magic = 0x31_43_52_4d;
const slotBytesAt = 4;
const headBytesAt = 8;
const keyBytesAt = 12;
const lifeAt = 16;
const draftAt = 20;
const revisionAt = 24;
const bodyBytesAt = 28;
const checksumAt = 36;
const fixedBytes = 40;
/** A refresh may find more fields than there were. */
const spareBytes = 256;
const slotUnit = 512;
/** The largest place of a head. Keys have at most 16 KiB, heads of answers a limit of their own that is far below. */
export const maxSlotBytes = 1_048_576;

/** Names a file among all that were ever written in its folder. */
export interface FileMark {
  /** How many times the folder had been opened. */
  readonly life: number;
  readonly draft: number;
}

/** What a head says. */
export interface ObjectHead extends FileMark {
  readonly key: string;
  readonly answer: StoredAnswer;
  readonly bodyBytes: number;
  /** How many times it was refreshed. */
  readonly revision: number;
  /** The length of each of the two places of a head. */
  readonly slotBytes: number;
  /** Which of the two this was read from. */
  readonly slot: 0 | 1;
}

/** How long the place of a head has to be. @returns 0 if the head is too large to be stored */
export function slotBytesFor(key: string, answerBytes: Buffer): number {
  const bytes = Math.ceil((fixedBytes + key.length + answerBytes.length + spareBytes) / slotUnit) * slotUnit;
  return bytes > maxSlotBytes ? 0 : bytes;
}

/** The length of a file. */
export function fileBytesOf(slotBytes: number, bodyBytes: number): number {
  return 2 * slotBytes + bodyBytes + checkBytes * Math.ceil(bodyBytes / pieceBytes);
}

/** Where in the file a piece begins. */
export function pieceOffset(slotBytes: number, piece: number): number {
  return 2 * slotBytes + piece * (pieceBytes + checkBytes);
}

/** The checksum of a piece of the file `mark`. */
export function pieceChecksum({ life, draft }: FileMark, piece: number, bytes: Uint8Array): number {
  return crc32(bytes, mix32(mix32(mix32(life) ^ draft) ^ piece));
}

/** Does the checksum behind a piece fit? @param bytes the piece and its checksum */
export function isWholePiece(mark: FileMark, piece: number, bytes: Buffer): boolean {
  const end = bytes.length - checkBytes;
  return end >= 0 && bytes.readUInt32LE(end) === pieceChecksum(mark, piece, bytes.subarray(0, end));
}

/** Writes a head to the beginning of `target`. @returns false if it has no room in a place of `slotBytes` */
export function writeHead(target: Buffer, head: Omit<ObjectHead, "slot" | "answer">, answerBytes: Buffer): boolean {
  const { key, slotBytes, life, draft, revision, bodyBytes } = head;
  const headBytes = fixedBytes + key.length + answerBytes.length;
  if (headBytes > slotBytes) return false;
  target.writeUInt32LE(magic, 0);
  target.writeUInt32LE(slotBytes, slotBytesAt);
  target.writeUInt32LE(headBytes, headBytesAt);
  target.writeUInt32LE(key.length, keyBytesAt);
  target.writeUInt32LE(life >>> 0, lifeAt);
  target.writeUInt32LE(draft >>> 0, draftAt);
  target.writeUInt32LE(revision >>> 0, revisionAt);
  target.writeDoubleLE(bodyBytes, bodyBytesAt);
  target.latin1Write(key, fixedBytes);
  answerBytes.copy(target, fixedBytes + key.length);
  target.writeUInt32LE(headChecksum(target, headBytes), checksumAt);
  return true;
}

function headChecksum(head: Buffer, headBytes: number): number {
  return crc32(head.subarray(fixedBytes, headBytes), crc32(head.subarray(0, checksumAt)));
}

/** What `readHeads` has found: the head, or how many bytes of the file it needs, or null if no head is whole. */
export type FoundHead = ObjectHead | number | null;

/** Reads the newer of the two heads. @param bytes the beginning of the file */
export function readHeads(bytes: Buffer): FoundHead {
  if (bytes.length < fixedBytes || bytes.readUInt32LE(0) !== magic) return null;
  const slotBytes = bytes.readUInt32LE(slotBytesAt);
  if (slotBytes < slotUnit || slotBytes > maxSlotBytes || slotBytes % slotUnit !== 0) return null;
  if (bytes.length < 2 * slotBytes) return 2 * slotBytes;
  const first = bytes.readUInt32LE(revisionAt);
  const second = bytes.readUInt32LE(slotBytes + revisionAt);
  const newer = bytes.readUInt32LE(slotBytes) === magic && ((second - first) | 0) > 0 ? 1 : 0;
  return readHead(bytes, slotBytes, newer) ?? readHead(bytes, slotBytes, newer === 0 ? 1 : 0);
}

function readHead(file: Buffer, slotBytes: number, slot: 0 | 1): ObjectHead | null {
  const bytes = file.subarray(slot * slotBytes, (slot + 1) * slotBytes);
  const headBytes = bytes.readUInt32LE(headBytesAt);
  const keyBytes = bytes.readUInt32LE(keyBytesAt);
  const bodyBytes = bytes.readDoubleLE(bodyBytesAt);
  if (bytes.readUInt32LE(0) !== magic || bytes.readUInt32LE(slotBytesAt) !== slotBytes) return null;
  if (headBytes > slotBytes || fixedBytes + keyBytes > headBytes) return null;
  if (bytes.readUInt32LE(checksumAt) !== headChecksum(bytes, headBytes)) return null;
  if (!Number.isSafeInteger(bodyBytes) || bodyBytes < 0) return null;
  const answer = readStoredAnswer(bytes.subarray(fixedBytes + keyBytes, headBytes));
  if (answer === null) return null;
  return {
    key: bytes.latin1Slice(fixedBytes, fixedBytes + keyBytes),
    answer,
    bodyBytes,
    life: bytes.readUInt32LE(lifeAt),
    draft: bytes.readUInt32LE(draftAt),
    revision: bytes.readUInt32LE(revisionAt),
    slotBytes,
    slot,
  };
}

/** The answer of a file as bytes, for `writeHead`. */
export const answerBytesOf = writeStoredAnswer;

/** Until when an answer can be of use, in seconds since the epoch: stale ones may be validated. */
export function usableUntilOf(answer: StoredAnswer): number {
  if (answer.variants !== null) return 2 ** 32 - 1;
  const untilMs = Math.max(answer.freshUntilMs, answer.staleWhileRevalidateUntilMs, answer.staleIfErrorUntilMs);
  return Math.min(2 ** 32 - 1, Math.max(0, Math.ceil(untilMs / 1_000)));
}
