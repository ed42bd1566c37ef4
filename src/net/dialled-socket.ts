/**
 * A socket on which a failed write does not throw away what came in before it. An endpoint that wants nothing of a body
 * answers and closes; the kernel then resets the connection because of what was not read, and our next write fails
 * although the answer is there to be read (RFC 9112 section 9.6 tells servers to avoid this; many do not). Node ends a
 * socket at the first failed write, so the end is put off for as long as reading goes on, turn by turn.
 */
import { Socket } from "node:net";
import { afterReading } from "./after-reading.ts";
import { endpointCeilingError, isBeyondEndpointCeiling } from "./descriptor-limit.ts";
import { descriptorOf } from "./node-internals.ts";
import { ReadBuffer } from "./read-buffer.ts";

/**
 * A half-open socket to an endpoint, without Nagle's algorithm, which reads what has arrived before it fails because of
 * a write. A reset that is met while reading ends it at once, as does `destroy` without an error. What it reads lies in
 * `memory`, and goes to whoever was given to `startReading`; that must be done before it is connected.
 */
export class DialledSocket extends Socket {
  readonly memory: ReadBuffer;
  readonly #reading: { read: ((byteCount: number, bytes: Buffer) => void) | null };
  #isFailing = false;

  constructor() {
    const memory = new ReadBuffer();
    const reading: { read: ((byteCount: number, bytes: Buffer) => void) | null } = { read: null };
    const callback = (byteCount: number, bytes: Uint8Array): boolean => {
      reading.read?.(byteCount, bytes as Buffer);
      memory.noteRead(byteCount);
      return true;
    };
    super({ allowHalfOpen: true, onread: { buffer: memory.take as () => Buffer, callback } });
    this.memory = memory;
    this.#reading = reading;
    this.setNoDelay(true);
  }

  startReading(read: (byteCount: number, bytes: Buffer) => void): void {
    this.#reading.read = read;
  }

  /** Fails with EMFILE if it would take one of the last descriptors of the process. */
  override connect(...args: unknown[]): this {
    (super.connect as (...args: unknown[]) => this)(...args);
    // Its descriptor is there when Node has begun to connect, in the next tick at the latest.
    process.nextTick(failBeyondCeiling, this);
    return this;
  }

  override destroy(error?: NodeJS.ErrnoException): this {
    if (error?.syscall !== "write" || this.destroyed) return super.destroy(error);
    if (!this.#isFailing) {
      this.#isFailing = true;
      afterReading(this, () => super.destroy(error));
    }
    return this;
  }
}

function failBeyondCeiling(socket: DialledSocket): void {
  if (!socket.destroyed && isBeyondEndpointCeiling(descriptorOf(socket))) socket.destroy(endpointCeilingError());
}
