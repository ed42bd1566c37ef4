/**
 * RFC 6455 frames for the demo's echo: reads what a client sends, builds what a server sends. No extensions, no
 * subprotocols; a message is at most `maxMessageBytes`. Not part of the data path: the proxy tunnels WebSocket bytes
 * unread.
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";

/** Opcodes of RFC 6455 section 5.2. */
export const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** The largest message that is taken; a larger one is answered with close code 1009. */
export const maxMessageBytes = 1024 * 1024;

/** What the reader tells its owner. */
export interface FrameReceiver {
  onMessage(opcode: number, payload: Buffer): void;
  onPing(payload: Buffer): void;
  /** The client closes. `code` is 1005 if it gave none. */
  onClose(code: number): void;
  /** The client broke the protocol; answer with this close code and hang up. Nothing follows. */
  onViolation(code: number): void;
}

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** One unmasked, final frame, as a server sends it. */
export function buildFrame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** A close frame with a status code. */
export function buildClose(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return buildFrame(opcodes.close, payload);
}

/** Puts a client's bytes together into messages. */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  #pending: Buffer = Buffer.alloc(0);
  /** Opcode of the fragmented message under way, or 0. */
  #messageOpcode = 0;
  #fragments: Buffer[] = [];
  #messageBytes = 0;
  #isOver = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  push(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (!this.#isOver && this.#readFrame());
  }

  #violate(code: number): false {
    this.#isOver = true;
    this.#receiver.onViolation(code);
    return false;
  }

  /** @returns false when there is no whole frame yet, or the connection is over. */
  #readFrame(): boolean {
    const bytes = this.#pending;
    if (bytes.length < 2) return false;
    const first = bytes.readUInt8(0);
    const second = bytes.readUInt8(1);
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    const isControl = opcode >= 8;
    const shortLength = second & 0x7f;
    // Reserved bits without an extension, unmasked client frames (section 5.1), long or fragmented control frames
    // (section 5.5).
    if ((first & 0x70) !== 0 || (second & 0x80) === 0) return this.#violate(1002);
    if (isControl && (!isFinal || shortLength > 125)) return this.#violate(1002);
    const lengthBytes = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0;
    const maskStart = 2 + lengthBytes;
    if (bytes.length < maskStart + 4) return false;
    const length =
      lengthBytes === 0 ? shortLength : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (length + this.#messageBytes > maxMessageBytes) return this.#violate(1009);
    const payloadStart = maskStart + 4;
    if (bytes.length < payloadStart + length) return false;
    const payload = Buffer.from(bytes.subarray(payloadStart, payloadStart + length));
    for (let at = 0; at < length; at++) payload[at] = (payload[at] ?? 0) ^ (bytes[maskStart + (at & 3)] ?? 0);
    this.#pending = bytes.subarray(payloadStart + length);
    return isControl ? this.#takeControl(opcode, payload) : this.#takeData(opcode, isFinal, payload);
  }

  #takeControl(opcode: number, payload: Buffer): boolean {
    if (opcode === opcodes.ping) this.#receiver.onPing(payload);
    else if (opcode === opcodes.close) {
      this.#isOver = true;
      this.#receiver.onClose(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
    } else if (opcode !== opcodes.pong) return this.#violate(1002);
    return !this.#isOver;
  }

  #takeData(opcode: number, isFinal: boolean, payload: Buffer): boolean {
    const isContinuation = opcode === opcodes.continuation;
    if (opcode > opcodes.binary || isContinuation === (this.#messageOpcode === 0)) return this.#violate(1002);
    if (!isContinuation) this.#messageOpcode = opcode;
    this.#fragments.push(payload);
    this.#messageBytes += payload.length;
    if (!isFinal) return true;
    const message = Buffer.concat(this.#fragments);
    const messageOpcode = this.#messageOpcode;
    this.#messageOpcode = 0;
    this.#fragments = [];
    this.#messageBytes = 0;
    if (messageOpcode === opcodes.text && !isUtf8(message)) return this.#violate(1007);
    this.#receiver.onMessage(messageOpcode, message);
    return true;
  }
}
