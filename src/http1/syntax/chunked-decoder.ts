/**
 * The chunked transfer coding (RFC 9112 section 7.1), read incrementally: CRLF only, at most 16 hexadecimal digits,
 * extensions in good form, bounded a line and a message, and dropped. Trailer fields are scanned like header fields;
 * those that must not be merged or forwarded are left out.
 *
 * Requests are read to the letter. If an upstream is lenient, a line of its answers may end in a line feed alone,
 * and trailers are repaired (`lenient-section.ts`). In answers a size may be padded, as devices do that reserve its
 * place before they know it: zeros before it, blanks behind it.
 *
 * Pull style: `next` advances through the bytes and says by `event` why it stopped; the caller hands on data pieces and
 * calls again.
 */
import { CR, hexTable, HTAB, LF, SP } from "../../http/syntax/characters.ts";
import { ExtensionState, isBehindGap, mayEndExtensions, nextExtensionState } from "./chunk-extension.ts";
import { isWorthScanning, notedCount, notedSpecial, ScanFailure, scanFields } from "./field-scanner.ts";
import { JoinedBytes } from "../../net/joined-bytes.ts";
import { findSectionEnd, repairSection } from "./lenient-section.ts";
import { ownCopy } from "../../net/own-bytes.ts";
import { Special } from "../../http/syntax/special-fields.ts";
import { travellingTrailers } from "../../http/syntax/trailer-fields.ts";

/** Why `next` stopped. */
export const ChunkEvent = { needMore: 0, data: 1, end: 2, badChunk: 3, badTrailer: 4 } as const;
export type ChunkEvent = (typeof ChunkEvent)[keyof typeof ChunkEvent];

const State = {
  firstDigit: 0,
  digits: 1,
  extension: 2,
  sizeLf: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  trailers: 7,
  done: 8,
} as const;

const maxExtensionLineBytes = 4_096;
const maxExtensionBytes = 16_384;
const maxSizeDigits = 16;
/**
 * Of an answer, zeros before a size beyond `maxSizeDigits` and blanks behind it: so many a line cost nothing of the
 * limits on extensions.
 */
const maxPaddingBytes = 64;
const maxTrailerBytes = 16_384;
const maxTrailerFields = 100;
const maxChunkSize = 2 ** 48;
/** Whose body it is: how strictly it is read. */
export type BodySide = "request" | "answer" | "lenientAnswer";

/** Reads one chunked body. `reset` before each. */
export class ChunkedDecoder {
  event: ChunkEvent = ChunkEvent.needMore;
  /** The data piece of the last `data` event. */
  dataStart = 0;
  dataEnd = 0;
  /** Forwardable trailer lines, after `end`. */
  trailers = "";
  /** It had lines that a strict reader refuses. */
  wasRepaired = false;
  readonly #mayPad: boolean;
  readonly #isLenient: boolean;
  #state: number = State.firstDigit;
  #remaining = 0;
  #digitCount = 0;
  #paddingBytes = 0;
  #extensionState: ExtensionState = ExtensionState.broken;
  #extensionLineBytes = 0;
  #extensionBytes = 0;
  #trailerBytes: Buffer | null = null;
  #repairedTrailers: string | null = null;
  readonly #joined = new JoinedBytes();

  constructor(side: BodySide) {
    this.#mayPad = side !== "request";
    this.#isLenient = side === "lenientAnswer";
  }

  reset(): void {
    this.wasRepaired = false;
    this.event = ChunkEvent.needMore;
    this.trailers = "";
    this.#state = State.firstDigit;
    this.#remaining = 0;
    this.#digitCount = 0;
    this.#paddingBytes = 0;
    this.#extensionLineBytes = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = null;
    this.#repairedTrailers = null;
    this.#joined.clear();
  }

  /** Reads on at `bytes[at]`. @returns the offset of the first byte not consumed; see `event` for why. */
  next(bytes: Buffer, at: number, end: number): number {
    while (at < end) {
      const byte = bytes[at]!;
      switch (this.#state) {
        case State.firstDigit:
        case State.digits: {
          const digit = hexTable[byte]!;
          if (digit !== 255) {
            this.#remaining = this.#remaining * 16 + digit;
            // A zero before the size is no digit of it in an answer.
            if (this.#mayPad && this.#remaining === 0) {
              if (++this.#paddingBytes > maxPaddingBytes) return this.#stop(ChunkEvent.badChunk, at);
            } else if (++this.#digitCount > maxSizeDigits || this.#remaining >= maxChunkSize)
              return this.#stop(ChunkEvent.badChunk, at);
            this.#state = State.digits;
            at++;
          } else if (this.#state === State.firstDigit) return this.#stop(ChunkEvent.badChunk, at);
          else if (byte === CR) {
            this.#state = State.sizeLf;
            at++;
          } else if (this.#takesBareLf(byte)) this.#state = State.sizeLf;
          else if (byte === 0x3b || byte === SP || byte === HTAB) {
            this.#state = State.extension;
            this.#extensionState = ExtensionState.gap;
          } else return this.#stop(ChunkEvent.badChunk, at);
          break;
        }
        case State.extension:
          at = this.#readExtension(bytes, at, end);
          if (at < 0) return this.#stop(ChunkEvent.badChunk, -at - 1);
          break;
        case State.sizeLf:
          if (byte !== LF) return this.#stop(ChunkEvent.badChunk, at);
          at++;
          this.#digitCount = 0;
          this.#paddingBytes = 0;
          this.#extensionLineBytes = 0;
          this.#state = this.#remaining === 0 ? State.trailers : State.data;
          break;
        case State.data: {
          const stop = Math.min(end, at + this.#remaining);
          this.#remaining -= stop - at;
          this.dataStart = at;
          this.dataEnd = stop;
          if (this.#remaining === 0) this.#state = State.dataCr;
          return this.#stop(ChunkEvent.data, stop);
        }
        case State.dataCr:
          this.#state = State.dataLf;
          if (this.#takesBareLf(byte)) break;
          if (byte !== CR) return this.#stop(ChunkEvent.badChunk, at);
          at++;
          break;
        case State.dataLf:
          if (byte !== LF) return this.#stop(ChunkEvent.badChunk, at);
          this.#state = State.firstDigit;
          at++;
          break;
        case State.trailers:
          return this.#readTrailers(bytes, at, end);
        default:
          return this.#stop(ChunkEvent.end, at);
      }
    }
    return this.#stop(ChunkEvent.needMore, at);
  }

  #stop(event: ChunkEvent, at: number): number {
    this.event = event;
    return at;
  }

  /**
   * Reads on behind a size, up to what ends the line. @returns the offset of what follows; less than 0 if the line
   * is refused, at `-offset - 1`
   */
  #readExtension(bytes: Buffer, from: number, end: number): number {
    let state = this.#extensionState;
    for (let at = from; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === CR || this.#takesBareLf(byte)) {
        if (!mayEndExtensions(state) && !(this.#mayPad && isBehindGap(state))) return -at - 1;
        this.#state = State.sizeLf;
        return byte === CR ? at + 1 : at;
      }
      state = nextExtensionState(state, byte);
      if (state === ExtensionState.broken) return -at - 1;
      if (
        this.#mayPad &&
        state === ExtensionState.gap &&
        this.#extensionLineBytes === 0 &&
        this.#paddingBytes < maxPaddingBytes
      )
        this.#paddingBytes++;
      else if (++this.#extensionLineBytes > maxExtensionLineBytes || ++this.#extensionBytes > maxExtensionBytes)
        return -at - 1;
    }
    this.#extensionState = state;
    return end;
  }

  /** Is `byte` the end of a line, without a CR before it, that may be read as one? */
  #takesBareLf(byte: number): boolean {
    if (byte !== LF || !this.#isLenient) return false;
    this.wasRepaired = true;
    return true;
  }

  #readTrailers(bytes: Buffer, at: number, end: number): number {
    // The usual case: nothing but the empty line.
    if (this.#trailerBytes === null && this.#takesBareLf(bytes[at]!)) {
      this.#state = State.done;
      return this.#stop(ChunkEvent.end, at + 1);
    }
    if (this.#trailerBytes === null && bytes[at] === CR && at + 1 < end) {
      if (bytes[at + 1] !== LF) return this.#stop(ChunkEvent.badTrailer, at);
      this.#state = State.done;
      return this.#stop(ChunkEvent.end, at + 2);
    }
    const before = this.#trailerBytes;
    const section = before === null ? bytes.subarray(at, end) : this.#joined.join(before, bytes.subarray(at, end));
    const limit = Math.min(section.length, maxTrailerBytes);
    const next = this.#scanTrailers(section, limit, before === null ? 0 : before.length);
    if (next === ScanFailure.incomplete) {
      if (section.length > maxTrailerBytes) return this.#stop(ChunkEvent.badTrailer, at);
      this.#trailerBytes = before === null ? ownCopy(section) : section;
      return this.#stop(ChunkEvent.needMore, end);
    }
    if (next < 0 || hasFramingField()) return this.#stop(ChunkEvent.badTrailer, at);
    const text = this.#repairedTrailers ?? section.latin1Slice(0, next);
    this.trailers = travellingTrailers(text.slice(0, -2));
    this.#trailerBytes = null;
    this.#joined.clear();
    this.#state = State.done;
    return this.#stop(ChunkEvent.end, at + next - (before === null ? 0 : before.length));
  }

  /** @param seen bytes of `section` that were looked at before. @returns where the section ends, or a `ScanFailure` */
  #scanTrailers(section: Buffer, limit: number, seen: number): number {
    if (!this.#isLenient) {
      const hasNews = seen === 0 || isWorthScanning(section, seen);
      return hasNews ? scanFields(section, 0, limit, maxTrailerFields) : ScanFailure.incomplete;
    }
    // Also if the reads split it: a lone CR in place of the empty line ends nothing.
    if (limit > 1 && section[0] === CR && section[1] !== LF) return ScanFailure.badField;
    const isEmpty = section[0] === CR && section[1] === LF;
    const end = isEmpty ? 2 : findSectionEnd(section, Math.max(0, seen - 2), limit);
    if (end === -1) return ScanFailure.incomplete;
    const received = section.latin1Slice(0, end);
    const text = repairSection(received, false);
    if (text === null) return ScanFailure.badField;
    if (text !== received) this.wasRepaired = true;
    this.#repairedTrailers = text;
    const failure = scanFields(Buffer.from(text, "latin1"), 0, text.length, maxTrailerFields);
    return failure < 0 ? ScanFailure.badField : end;
  }
}

/**
 * Is there a field about framing behind the body? That is an attempt at smuggling (RFC 9110 section 6.5.1), and Node's
 * parser refuses it, too.
 */
function hasFramingField(): boolean {
  for (let i = 0; i < notedCount; i++)
    if (notedSpecial[i] === Special.contentLength || notedSpecial[i] === Special.transferEncoding) return true;
  return false;
}
