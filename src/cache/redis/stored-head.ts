/**
 * The value that stands under the key of an answer in Redis: everything about it and the beginning of its body, so that
 * a small answer is one value. The rest of a large body is in pieces under keys of their own, which carry the random id
 * of this one writing: pieces of two writings never meet.
 *
 * byte 0-3 mark with version · 4 "1" if a soft purge concerns it · 5-20 the purge up to which it was checked, as digits
 * · 21-36 the server's time when it was stored, as digits, in milliseconds · 37-40 checksum of what follows up to the
 * body · 41-44 checksum of the beginning of the body · 45-66 id · 67-70 number of pieces · 71-78 the writer's time
 * · 79-82 length of the body · 83-86 of the key · 87-90 of the answer · 91-94 of what purges go by · then these three,
 * and the beginning of the body. Numbers have the highest byte first, as the scripts read them.
 *
 * The scripts (`scripts.ts`) write bytes 4 to 36; the checksums begin behind them.
 */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { readStoredAnswer, writeStoredAnswer } from "../stored-answer-bytes.ts";
import { checksumOf } from "./checksum.ts";

/** How much of a body stands with its head. */
export const beginningBytes = 65_536;

/** How much of a body is in one piece; the last one is shorter. */
export const pieceBytes = 131_072;

/** The most pieces of one body. */
export const maxPieces = 1_024;

/** What a value begins with; another version is another mark. */
export const mark = "MRC1";

/** Where what the scripts write ends. */
const writtenByScripts = 37;

const frontSumAt = 37;
const bodySumAt = 41;
const idAt = 45;
const idBytes = 22;
const piecesAt = 67;
const writerNowAt = 71;
const bodyBytesAt = 79;
const keyBytesAt = 83;
const answerBytesAt = 87;
const factsBytesAt = 91;
const fixedBytes = 95;

/** What is written. */
export interface HeadParts {
  readonly key: string;
  readonly answer: StoredAnswer;
  /** 22 characters. */
  readonly id: string;
  readonly bodyBytes: number;
  /** The writer's steady clock. */
  readonly nowMs: number;
  /** The first bytes of the body: all of it, or `beginningBytes`. */
  readonly beginning: Buffer;
}

/** A value as it was found. */
export interface FoundHead {
  readonly key: string;
  readonly answer: StoredAnswer;
  readonly id: string;
  readonly bodyBytes: number;
  /** The steady clock of whoever has written it, and the time of the server, when it was stored. */
  readonly writerNowMs: number;
  readonly storedAtMs: number;
  /** A soft purge concerns it. */
  readonly isSoft: boolean;
  readonly beginning: Buffer;
}

/** How many pieces follow the beginning of a body. */
export function piecesOf(bodyBytes: number): number {
  return bodyBytes <= beginningBytes ? 0 : Math.ceil((bodyBytes - beginningBytes) / pieceBytes);
}

/** The value but for the beginning of the body, which follows. */
export function writeFront({ key, answer, id, bodyBytes, nowMs, beginning }: HeadParts): Buffer {
  const answerBytes = writeStoredAnswer(answer);
  const facts = [answer.url, ...answer.tags].map((fact) => `${fact}\n`).join("");
  const front = Buffer.alloc(fixedBytes + key.length + answerBytes.length + facts.length);
  front.latin1Write(mark.padEnd(writtenByScripts, "0"), 0);
  front.writeUInt32BE(checksumOf(beginning), bodySumAt);
  front.latin1Write(id, idAt, idBytes);
  front.writeUInt32BE(piecesOf(bodyBytes), piecesAt);
  front.writeDoubleBE(nowMs, writerNowAt);
  front.writeUInt32BE(bodyBytes, bodyBytesAt);
  front.writeUInt32BE(key.length, keyBytesAt);
  front.writeUInt32BE(answerBytes.length, answerBytesAt);
  front.writeUInt32BE(facts.length, factsBytesAt);
  const answerAt = fixedBytes + key.length;
  front.latin1Write(key, fixedBytes);
  front.set(answerBytes, answerAt);
  front.latin1Write(facts, answerAt + answerBytes.length);
  front.writeUInt32BE(checksumOf(front.subarray(bodySumAt)), frontSumAt);
  return front;
}

/** Reads a value. It may come from anybody: what is not whole is null, and nothing is thrown. */
export function readHead(value: Buffer): FoundHead | null {
  if (value.length < fixedBytes || value.latin1Slice(0, mark.length) !== mark) return null;
  const keyBytes = value.readUInt32BE(keyBytesAt);
  const answerAt = fixedBytes + keyBytes;
  const factsAt = answerAt + value.readUInt32BE(answerBytesAt);
  const bodyAt = factsAt + value.readUInt32BE(factsBytesAt);
  const bodyBytes = value.readUInt32BE(bodyBytesAt);
  const beginning = value.subarray(bodyAt);
  if (
    bodyAt > value.length ||
    beginning.length !== Math.min(bodyBytes, beginningBytes) ||
    value.readUInt32BE(piecesAt) !== piecesOf(bodyBytes) ||
    checksumOf(value.subarray(bodySumAt, bodyAt)) !== value.readUInt32BE(frontSumAt) ||
    checksumOf(beginning) !== value.readUInt32BE(bodySumAt)
  )
    return null;
  const answer = readStoredAnswer(value.subarray(answerAt, factsAt));
  const storedAtMs = Number(value.latin1Slice(21, 37));
  const writerNowMs = value.readDoubleBE(writerNowAt);
  if (answer === null || Number.isNaN(storedAtMs + writerNowMs)) return null;
  return {
    key: value.latin1Slice(fixedBytes, answerAt),
    answer,
    id: value.latin1Slice(idAt, idAt + idBytes),
    bodyBytes,
    writerNowMs,
    storedAtMs,
    isSoft: value[4] === 0x31,
    beginning,
  };
}
