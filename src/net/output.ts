/**
 * The writing half of a connection. What belongs together leaves in one write: text (heads, chunk lines) and small
 * bodies are held back until `flush`, which whoever produced them calls when nothing more comes in this turn.
 *
 * Back-pressure is one bit: "the kernel did not take everything". It is known right after a write, because a socket
 * whose write was accepted whole has nothing queued. While that bit is set, the bytes given last belong to the socket,
 * and nothing more should be given until `onWritable`.
 *
 * Three ways to write, by size, measured (CPU per answer of 0.1, 10 and 64 KiB): as one string; gathered in a block and
 * written as one buffer; as a vectored write.
 */
import type { Socket } from "node:net";
import { BlockPool } from "./block-pool.ts";
import { ownBytesOf, ownCopy } from "./own-bytes.ts";

/** Up to this size bytes become part of the text. */
const maxTextBytes = 1_024;
/** Up to this size, text included, everything is gathered in one block. */
const blockBytes = 32_768;
const blocks = new BlockPool(blockBytes);
/** Held-back text never grows beyond this many characters. */
const maxHeldLength = 16_384;

/** Output of one socket. */
export class Output {
  readonly #socket: Socket;
  readonly #onWritable: () => void;
  /** Text behind what the block holds. */
  #held = "";
  #block: Buffer | null = null;
  #blockUsed = 0;
  #isCorked = false;
  #isAwaitingDrain = false;

  /** @param onWritable called when the kernel has taken everything after a write that it did not */
  constructor(socket: Socket, onWritable: () => void) {
    this.#socket = socket;
    this.#onWritable = onWritable;
  }

  /** The kernel has not taken everything yet. */
  get isBlocked(): boolean {
    return this.#isAwaitingDrain;
  }

  /** Appends text (latin1). */
  text(text: string): void {
    this.#held += text;
    if (this.#held.length > maxHeldLength) this.#write();
  }

  /** Appends bytes, which stay the caller's only if `flush` then says that nothing is blocked. */
  bytes(chunk: Buffer): void {
    const size = chunk.length;
    if (size <= maxTextBytes) {
      this.text(chunk.latin1Slice(0, size));
      return;
    }
    if (this.#held.length + size <= blockBytes) {
      if (this.#blockUsed + this.#held.length + size > blockBytes) this.#writeBlock();
      this.#gather();
      this.#blockUsed += chunk.copy(this.#block!, this.#blockUsed);
      return;
    }
    // Too large to be copied: it goes out beside what is around it.
    if (!this.#isCorked && (this.#held !== "" || this.#block !== null)) {
      this.#isCorked = true;
      this.#socket.cork();
    }
    this.#write();
    this.#socket.write(chunk);
  }

  /** Writes out what is held. @returns false when the kernel did not take everything: wait for `onWritable`. */
  flush(): boolean {
    this.#write();
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
    }
    if (this.#isAwaitingDrain) return false;
    if (this.#socket.writableLength === 0 || this.#socket.destroyed) return true;
    // An empty write queues behind the rest; its callback is the notice that all is out. Costs nothing while nothing
    // blocks.
    this.#isAwaitingDrain = true;
    this.#socket.write("", this.#onDrained);
    return false;
  }

  /** Moves the held text into the block. */
  #gather(): void {
    this.#block ??= blocks.take();
    if (this.#held === "") return;
    this.#blockUsed += this.#block.latin1Write(this.#held, this.#blockUsed);
    this.#held = "";
  }

  #write(): void {
    if (this.#block !== null) this.#writeBlock();
    else if (this.#held !== "") {
      const text = this.#held;
      this.#held = "";
      if (this.#socket.destroyed) return;
      // What has to wait is kept as its bytes: text put together from many pieces takes many times as much.
      if (this.#socket.writableLength > 0) this.#socket.write(ownBytesOf(text));
      else this.#socket.write(text, "latin1");
    }
  }

  #writeBlock(): void {
    if (this.#blockUsed + this.#held.length <= blockBytes) this.#gather();
    const block = this.#block!;
    const used = this.#blockUsed;
    this.#block = null;
    this.#blockUsed = 0;
    // What has to wait is kept in memory of its own size, unless it fills the block well.
    const isCopied = this.#socket.writableLength > 0 && used <= blockBytes / 2;
    if (!this.#socket.destroyed) this.#socket.write(isCopied ? ownCopy(block, used) : block.subarray(0, used));
    // A block that the kernel took whole serves again; else it is the socket's.
    if (isCopied || this.#socket.writableLength === 0) blocks.giveBack(block);
    if (this.#held !== "") this.#write();
  }

  readonly #onDrained = (error?: Error | null): void => {
    this.#isAwaitingDrain = false;
    if (error === undefined || error === null) this.#onWritable();
  };
}
