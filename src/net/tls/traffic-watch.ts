/**
 * Ends TLS connections on which much arrives that carries no data: changes of keys (KeyUpdate, RFC 8446 section 4.6.3),
 * tickets, refused renegotiations, empty records, padding. OpenSSL handles all of them before anybody here is called,
 * at some 10 µs each, so that a peer that sends nothing else would have a share of the thread that no limit, log line or
 * deadline knows of. What can be known without a call for each record is how many bytes have come from the network, and
 * how many of data: the two are compared from time to time.
 */
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import type { TlsSocket } from "./tls-socket.ts";

const lookIntervalMs = 100;
/** In one turn: with more connections than that, each is looked at less often. */
const maxLooks = 1_000;
/** A record of data is at most a quarter of it, with padding. */
const maxBytesBetweenData = 65_536;
/** A record with one byte of data is of 23 bytes in TLS 1.3, and of 85 at most before. */
const networkBytesPerDataByte = 128;
/** What may come besides: 16 records a second that are padded up to the longest. */
const spareBytesPerMs = 256;
const maxSpareBytes = 262_144;

/** What connections are ended with. */
const tlsFloodCode = "ERR_TLS_FLOOD";

/** What the application log says of one. */
export const tlsFloodMessage =
  "TLS: a client sent much that carries no data (changes of keys, empty records) and was cut off";

/** One that is watched. */
class Watched {
  readonly socket: TlsSocket;
  readonly onFlood: () => void;
  #atMs: number;
  #networkBytes: number;
  #dataBytes: number;
  #bytesSinceData = 0;
  #spentBytes = 0;

  constructor(socket: TlsSocket, onFlood: () => void, nowMs: number) {
    this.socket = socket;
    this.onFlood = onFlood;
    this.#atMs = nowMs;
    this.#networkBytes = socket.networkBytesRead;
    this.#dataBytes = socket.bytesRead;
  }

  /** Has too much come without data? */
  look(nowMs: number): boolean {
    const { networkBytesRead, bytesRead } = this.socket;
    const networkBytes = networkBytesRead - this.#networkBytes;
    if (networkBytes <= 0) return false;
    const dataBytes = bytesRead - this.#dataBytes;
    const spare = Math.min(spareBytesPerMs * (nowMs - this.#atMs), maxSpareBytes) + networkBytesPerDataByte * dataBytes;
    this.#networkBytes = networkBytesRead;
    this.#dataBytes = bytesRead;
    this.#atMs = nowMs;
    this.#bytesSinceData = dataBytes > 0 ? 0 : this.#bytesSinceData + networkBytes;
    this.#spentBytes = Math.max(0, this.#spentBytes + networkBytes - spare);
    return this.#bytesSinceData > maxBytesBetweenData || this.#spentBytes > maxSpareBytes;
  }
}

/** Watches the TLS connections of one thread. */
export class TlsTrafficWatch {
  readonly #wheel: TimerWheel;
  readonly #watched: Watched[] = [];
  /** Whose turn it is. */
  #next = 0;
  readonly #deadline = new Deadline(() => this.#look());
  #isArmed = false;

  constructor(wheel: TimerWheel) {
    this.#wheel = wheel;
  }

  /** How many are watched; some of them may be closed. */
  get size(): number {
    return this.#watched.length;
  }

  /**
   * Watches `socket`, whose handshake is done, until it is closed. If it is flooded, `onFlood` is called, and then the
   * socket fails with `ERR_TLS_FLOOD`.
   */
  add(socket: TlsSocket, onFlood: () => void): void {
    this.#watched.push(new Watched(socket, onFlood, this.#wheel.clock.now()));
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#wheel.arm(this.#deadline, lookIntervalMs);
  }

  #look(): void {
    this.#isArmed = false;
    const watched = this.#watched;
    const nowMs = this.#wheel.clock.now();
    for (let left = Math.min(watched.length, maxLooks); left > 0; left--) {
      if (this.#next >= watched.length) this.#next = 0;
      const one = watched[this.#next]!;
      if (one.socket.isDestroyed) this.#forgetNext();
      else if (one.look(nowMs)) {
        this.#forgetNext();
        one.onFlood();
        one.socket.fail(floodError());
      } else this.#next++;
    }
    if (watched.length > 0) this.#arm();
  }

  /** The last one takes its place. */
  #forgetNext(): void {
    const last = this.#watched.pop()!;
    if (this.#next < this.#watched.length) this.#watched[this.#next] = last;
  }
}

function floodError(): NodeJS.ErrnoException {
  return Object.assign(new Error("much has come over TLS that carries no data"), { code: tlsFloodCode });
}
