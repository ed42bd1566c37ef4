/**
 * Collects the bytes of a ClientHello, which come in any number of reads and of records (RFC 8446 section 5.1), and
 * keeps them for the TLS that begins behind it. Each byte is looked at once; it holds `maxHelloBytes` at most, and what
 * came with the last read.
 */
import { type ClientHello, parseClientHello } from "./client-hello.ts";

/** Records and their headers together. One with keys that quantum computers cannot break has about 1,800. */
export const maxHelloBytes = 16_384;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const maxRecordBytes = 16_384;

const RecordType = { alert: 21, handshake: 22 } as const;
const clientHelloType = 1;

/** Descriptions of alerts (RFC 8446 section 6). */
export const Alert = {
  unexpectedMessage: 10,
  recordOverflow: 22,
  decodeError: 50,
  protocolVersion: 70,
  internalError: 80,
  unrecognizedName: 112,
} as const;

/** Why what a client sends is no ClientHello. */
export interface HelloFault {
  /** `plain-http`: it speaks HTTP without TLS. `alert`: it sent an alert instead. */
  readonly kind: "plain-http" | "not-tls" | "alert" | "too-long" | "malformed";
  /** What to tell the client, as a description of an alert; 0 = nothing. */
  readonly alert: number;
}

const plainHttp: HelloFault = { kind: "plain-http", alert: 0 };
const notTls: HelloFault = { kind: "not-tls", alert: Alert.unexpectedMessage };
const alertInstead: HelloFault = { kind: "alert", alert: 0 };
const tooLong: HelloFault = { kind: "too-long", alert: Alert.recordOverflow };
const malformed: HelloFault = { kind: "malformed", alert: Alert.decodeError };
const wrongMessage: HelloFault = { kind: "malformed", alert: Alert.unexpectedMessage };

/** Methods are of letters; no record begins so. */
function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

/** Takes bytes until they are a ClientHello, or cannot become one. */
export class ClientHelloReader {
  /** Room for what was taken. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  /** Where the next header of a record begins. */
  #recordAt = 0;
  /** The fragments of the message that have come, without the headers of the records. */
  #messageBytes = 0;
  /** Those of the records that are complete, as [start, end). */
  readonly #fragments: number[] = [];

  /** All that was taken. TLS begins with it. */
  get bytes(): Buffer {
    return this.#held.subarray(0, this.#heldBytes);
  }

  /**
   * Takes `bytes[0, byteCount)`, and copies them.
   * @returns null if more must come. What is taken after another answer is only kept.
   */
  take(bytes: Buffer, byteCount: number): ClientHello | HelloFault | null {
    this.#hold(bytes, byteCount);
    for (;;) {
      const at = this.#recordAt;
      const available = this.#heldBytes - at;
      if (available > 0) {
        const fault = this.#checkHeader(at, available);
        if (fault !== null) return fault;
      }
      if (available < recordHeaderBytes) return this.#heldBytes >= maxHelloBytes ? tooLong : null;
      const recordBytes = this.#held.readUInt16BE(at + 3);
      const end = at + recordHeaderBytes + recordBytes;
      if (end > this.#heldBytes) return end > maxHelloBytes ? tooLong : null;
      this.#fragments.push(at + recordHeaderBytes, end);
      this.#messageBytes += recordBytes;
      this.#recordAt = end;
      const read = this.#readMessage();
      if (read !== null) return read;
    }
  }

  #hold(bytes: Buffer, byteCount: number): void {
    const needed = this.#heldBytes + byteCount;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#held.length * 2));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes, 0, byteCount);
    this.#heldBytes = needed;
  }

  /** As soon as its bytes are there: a client that speaks no TLS must not wait for an answer. */
  #checkHeader(at: number, available: number): HelloFault | null {
    const kind = this.#held[at]!;
    if (kind !== RecordType.handshake) {
      if (this.#fragments.length > 0) return wrongMessage;
      return isLetter(kind) ? plainHttp : kind === RecordType.alert ? alertInstead : notTls;
    }
    if (available > 1 && this.#held[at + 1] !== 3) return this.#fragments.length > 0 ? malformed : notTls;
    if (available < recordHeaderBytes) return null;
    const recordBytes = this.#held.readUInt16BE(at + 3);
    if (recordBytes > maxRecordBytes) return tooLong;
    // RFC 8446 section 5.1: no empty fragment of a handshake message.
    return recordBytes === 0 ? malformed : null;
  }

  #readMessage(): ClientHello | HelloFault | null {
    if (this.#byteOfMessage(0) !== clientHelloType) return wrongMessage;
    if (this.#messageBytes < messageHeaderBytes) return null;
    const length = (this.#byteOfMessage(1) << 16) | (this.#byteOfMessage(2) << 8) | this.#byteOfMessage(3);
    if (length > maxHelloBytes) return tooLong;
    if (this.#messageBytes < messageHeaderBytes + length) return null;
    const message = Buffer.allocUnsafe(this.#messageBytes);
    let filled = 0;
    for (let i = 0; i < this.#fragments.length; i += 2)
      filled += this.#held.copy(message, filled, this.#fragments[i], this.#fragments[i + 1]);
    return parseClientHello(message.subarray(messageHeaderBytes, messageHeaderBytes + length)) ?? malformed;
  }

  /** One of the first four, which lie in the first four records at the latest. */
  #byteOfMessage(index: number): number {
    let before = 0;
    for (let i = 0; i < this.#fragments.length; i += 2) {
      const start = this.#fragments[i]!;
      const length = this.#fragments[i + 1]! - start;
      if (index < before + length) return this.#held[start + index - before]!;
      before += length;
    }
    return -1;
  }
}
