/** Collects a request head that may come in pieces, with work linear in its size, and parses it. */
import type { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { CR, LF } from "../../http/syntax/characters.ts";
import { isWorthScanning } from "./field-scanner.ts";
import { type HeadLimits, parsed, parseRequestHead } from "./request-parser.ts";

/** Reads the request heads of one client connection, one after the other. */
export class HeadReader {
  /** The head that was read, or what was understood of a refused one. */
  head: RequestHead | null = null;
  failure: ReasonCode | null = null;
  /** It did not come in one piece. */
  wasSplit = false;
  readonly #isPeerTrusted: boolean;
  #scannedBytes = 0;

  /** @param isPeerTrusted what the client says of whom it speaks for is believed */
  constructor(isPeerTrusted: boolean) {
    this.#isPeerTrusted = isPeerTrusted;
  }

  /**
   * Reads a head from the start of `bytes[start, end)`, which hold all of it that has come. @returns the number of bytes
   * it took, or -1 if it is refused (`failure`) or more is needed
   */
  read(bytes: Buffer, start: number, end: number, limits: HeadLimits): number {
    this.head = null;
    this.failure = null;
    const scanned = this.#scannedBytes;
    this.wasSplit = scanned > 0;
    this.#scannedBytes = end - start;
    if (scanned > 0 && end - start <= limits.headBytes && !isWorthScanning(bytes.subarray(start, end), scanned))
      return -1;
    parseRequestHead(bytes, start, end, limits, this.#isPeerTrusted);
    this.head = parsed.head;
    if (parsed.failure !== null) this.failure = parsed.failure;
    if (parsed.failure !== null || parsed.head === null) return -1;
    this.#scannedBytes = 0;
    return parsed.next - start;
  }
}

/** Is there nothing in `bytes[start, end)` but empty lines, the last of them perhaps half? */
export function isOnlyEmptyLines(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== CR && bytes[at] !== LF) return false;
  return true;
}
