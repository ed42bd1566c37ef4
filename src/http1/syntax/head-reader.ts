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
  #scannedBytes = 0;

  /**
   * Reads a head from the start of `bytes`, which hold all of it that has come. @returns the number of bytes it took,
   * or -1 if it is refused (`failure`) or more is needed
   */
  read(bytes: Buffer, limits: HeadLimits, isPeerTrusted: boolean): number {
    this.head = null;
    this.failure = null;
    const scanned = this.#scannedBytes;
    this.wasSplit = scanned > 0;
    this.#scannedBytes = bytes.length;
    if (scanned > 0 && bytes.length <= limits.headBytes && !isWorthScanning(bytes, scanned)) return -1;
    parseRequestHead(bytes, 0, bytes.length, limits, isPeerTrusted);
    this.failure = parsed.failure;
    this.head = parsed.head;
    if (parsed.failure !== null || parsed.head === null) return -1;
    this.#scannedBytes = 0;
    return parsed.next;
  }
}

/** Is there nothing in `bytes` but empty lines, the last of them perhaps half? */
export function isOnlyEmptyLines(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== CR && bytes[at] !== LF) return false;
  return true;
}
