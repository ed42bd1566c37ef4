/**
 * What is said of a stored answer, as bytes: one form for all stores. Fixed numbers first, then every text with its
 * length before it; all text is latin1, as fields and targets are. No JSON: this is read on every hit that a thread
 * has not seen lately.
 *
 * byte 0 version · 1 flags · 2-3 status · 4-7 length of the whole · then numbers of 8 bytes · then texts and lists.
 */
import type { StoredAnswer, Variants } from "../http/cache/stored-answer.ts";

const version = 1;

const mustRevalidateFlag = 1;
const alwaysValidatesFlag = 2;
const isSharedFlag = 4;
const isVariantsFlag = 8;
const knownFlags = 15;

const bodyBytesAt = 8;
const bornAt = 16;
const freshAt = 24;
const revalidateAt = 32;
const errorAt = 40;
const purgeSequenceAt = 48;
const fixedBytes = 56;
const textLengthBytes = 4;

/** `answer` as bytes that `readStoredAnswer` understands. Characters beyond latin1 lose their upper half. */
export function writeStoredAnswer(answer: StoredAnswer): Buffer {
  const { reasonPhrase, fields, url, tags, variants } = answer;
  let length = fixedBytes + 3 * textLengthBytes + reasonPhrase.length + fields.length + url.length + lengthOfList(tags);
  if (variants !== null) {
    length += textLengthBytes;
    for (const { names, keys } of variants) length += lengthOfList(names) + lengthOfList(keys);
  }
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = version;
  bytes[1] =
    (answer.mustRevalidate ? mustRevalidateFlag : 0) |
    (answer.alwaysValidates ? alwaysValidatesFlag : 0) |
    (answer.isShared ? isSharedFlag : 0) |
    (variants === null ? 0 : isVariantsFlag);
  bytes.writeUInt16LE(answer.status, 2);
  bytes.writeUInt32LE(length, 4);
  bytes.writeDoubleLE(answer.bodyBytes ?? -1, bodyBytesAt);
  bytes.writeDoubleLE(answer.bornMs, bornAt);
  bytes.writeDoubleLE(answer.freshUntilMs, freshAt);
  bytes.writeDoubleLE(answer.staleWhileRevalidateUntilMs, revalidateAt);
  bytes.writeDoubleLE(answer.staleIfErrorUntilMs, errorAt);
  bytes.writeDoubleLE(answer.purgeSequence, purgeSequenceAt);
  let at = writeText(bytes, fixedBytes, reasonPhrase);
  at = writeText(bytes, at, fields);
  at = writeText(bytes, at, url);
  at = writeList(bytes, at, tags);
  if (variants === null) return bytes;
  at = bytes.writeUInt32LE(variants.length, at);
  for (const { names, keys } of variants) {
    at = writeList(bytes, at, names);
    at = writeList(bytes, at, keys);
  }
  return bytes;
}

function lengthOfList(texts: readonly string[]): number {
  let length = textLengthBytes;
  for (const text of texts) length += textLengthBytes + text.length;
  return length;
}

function writeText(bytes: Buffer, at: number, text: string): number {
  const start = bytes.writeUInt32LE(text.length, at);
  bytes.latin1Write(text, start);
  return start + text.length;
}

function writeList(bytes: Buffer, at: number, texts: readonly string[]): number {
  let next = bytes.writeUInt32LE(texts.length, at);
  for (const text of texts) next = writeText(bytes, next, text);
  return next;
}

/**
 * The answer that `bytes` are of. They may come from anywhere: what was cut, changed or written by another version is
 * null, and nothing is thrown.
 */
export function readStoredAnswer(bytes: Buffer): StoredAnswer | null {
  if (bytes.length < fixedBytes || bytes[0] !== version || bytes.readUInt32LE(4) !== bytes.length) return null;
  const flags = bytes[1]!;
  if (flags > knownFlags) return null;
  const bodyBytes = bytes.readDoubleLE(bodyBytesAt);
  if (!(bodyBytes === -1 || (Number.isSafeInteger(bodyBytes) && bodyBytes >= 0))) return null;
  const bornMs = bytes.readDoubleLE(bornAt);
  const freshUntilMs = bytes.readDoubleLE(freshAt);
  const staleWhileRevalidateUntilMs = bytes.readDoubleLE(revalidateAt);
  const staleIfErrorUntilMs = bytes.readDoubleLE(errorAt);
  const purgeSequence = bytes.readDoubleLE(purgeSequenceAt);
  if (Number.isNaN(bornMs + freshUntilMs + staleWhileRevalidateUntilMs + staleIfErrorUntilMs + purgeSequence))
    return null;
  const reader = new TextReader(bytes, fixedBytes);
  const reasonPhrase = reader.text();
  const fields = reader.text();
  const url = reader.text();
  const tags = reader.list();
  const variants = (flags & isVariantsFlag) === 0 ? null : reader.variants();
  if (!reader.isWhole) return null;
  return {
    status: bytes.readUInt16LE(2),
    reasonPhrase,
    fields,
    bodyBytes: bodyBytes === -1 ? null : bodyBytes,
    bornMs,
    freshUntilMs,
    staleWhileRevalidateUntilMs,
    staleIfErrorUntilMs,
    mustRevalidate: (flags & mustRevalidateFlag) !== 0,
    alwaysValidates: (flags & alwaysValidatesFlag) !== 0,
    isShared: (flags & isSharedFlag) !== 0,
    url,
    tags,
    purgeSequence,
    variants,
  };
}

const noTexts: readonly string[] = [];

/** Reads texts one behind the other; after the first length that cannot be, everything is empty. */
class TextReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Every length was right, and nothing is left over. */
  get isWhole(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A length or count, of things of at least `unitBytes` each; 0 if so much cannot follow. */
  #count(unitBytes: number): number {
    const start = this.#at + textLengthBytes;
    if (start > this.#bytes.length) return this.#fail();
    const count = this.#bytes.readUInt32LE(this.#at);
    if (count * unitBytes > this.#bytes.length - start) return this.#fail();
    this.#at = start;
    return count;
  }

  /** From now on nothing fits any more. */
  #fail(): number {
    this.#at = this.#bytes.length + 1;
    return 0;
  }

  text(): string {
    const length = this.#count(1);
    if (length === 0) return "";
    this.#at += length;
    return this.#bytes.latin1Slice(this.#at - length, this.#at);
  }

  list(): readonly string[] {
    const count = this.#count(textLengthBytes);
    if (count === 0) return noTexts;
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.text());
    return texts;
  }

  variants(): readonly Variants[] {
    const count = this.#count(2 * textLengthBytes);
    const variants: Variants[] = [];
    for (let i = 0; i < count; i++) variants.push({ names: this.list(), keys: this.list() });
    return variants;
  }
}
