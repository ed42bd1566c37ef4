/**
 * The writing half of a connection. What belongs together leaves in one write: text (heads, chunk lines) and small
 * bodies are held back until `flush`; the producer calls it when nothing more comes in this turn.
 *
 * Back-pressure is one bit: "the kernel did not take everything". It is known right after a write, because a socket has
 * nothing unsent if the kernel took the whole write. While that bit is set, the bytes given last belong to the socket,
 * and nothing more should be given until `onWritable`.
 *
 * There are three ways to write, chosen by size (measured: CPU per answer of 0.1, 10 and 64 KiB): as one string;
 * gathered in a block and written as one buffer; as a vectored write.
 */
import { BlockPool } from "./block-pool.ts";
import type { KernelSocket } from "./kernel-socket.ts";
import { ownBytesOf, ownCopy } from "./own-bytes.ts";

/** Up to this size bytes become part of the text. */
const maxTextBytes = 1_024;
/** Up to this size, text included, everything is gathered in one block. */
const blockBytes = 32_768;
const blocks = new BlockPool(blockBytes);
/** Held-back text never grows beyond this many characters. */
const maxHeldLength = 16_384;

/** Is told when writing can go on. */
export interface WritableListener {
  /** The kernel has taken everything, after a flush that did not take it at once. */
  onWritable(): void;
}

/** Writes text and bytes to one socket, few and large pieces at a time. */
export class Output {
  readonly #socket: KernelSocket;
  readonly #listener: WritableListener;
  /** Text that follows the bytes in the block. */
  #held = "";
  #block: Buffer | null = null;
  #blockUsed = 0;
  #isCorked = false;
  /** A block that is a part of the vectored write: free again only when that has been made. */
  #corkedBlock: Buffer | null = null;
  #isAwaitingDrain = false;

  constructor(socket: KernelSocket, listener: WritableListener) {
    this.#socket = socket;
    this.#listener = listener;
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

  /** Appends bytes. They are the caller's again only if `flush` then returns true. */
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
    // Too large to be copied: it is written beside its neighbours, as a part of a vectored write.
    if (!this.#isCorked && (this.#held !== "" || this.#block !== null)) {
      this.#isCorked = true;
      this.#socket.cork();
    }
    this.#write();
    this.#socket.writeBytes(chunk);
  }

  /**
   * Writes `chunk` at once, behind what is held, without a copy of any part of it. It is the caller's again only if this
   * returns true. @returns as `flush`
   */
  pass(chunk: Buffer): boolean {
    this.#write();
    this.#socket.writeBytes(chunk);
    return this.flush();
  }

  /** Writes out what is held. @returns false if the kernel did not take everything: wait for `onWritable`. */
  flush(): boolean {
    this.#write();
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
      if (this.#corkedBlock !== null && this.#socket.unsentBytes === 0) blocks.giveBack(this.#corkedBlock);
      this.#corkedBlock = null;
    }
    if (this.#isAwaitingDrain) return false;
    if (this.#socket.unsentBytes === 0 || this.#socket.isDestroyed) return true;
    this.#isAwaitingDrain = true;
    this.#socket.awaitSent();
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
      // What has to wait is kept as bytes: a string joined from many pieces takes many times as much memory.
      if (this.#socket.unsentBytes > 0) this.#socket.writeBytes(ownBytesOf(text));
      else this.#socket.writeText(text);
    }
  }

  #writeBlock(): void {
    if (this.#blockUsed + this.#held.length <= blockBytes) this.#gather();
    const block = this.#block!;
    const used = this.#blockUsed;
    this.#block = null;
    this.#blockUsed = 0;
    // What has to wait is copied to memory of its own size, unless it fills most of the block.
    const isCopied = this.#socket.unsentBytes > 0 && used <= blockBytes / 2;
    this.#socket.writeBytes(isCopied ? ownCopy(block, used) : block.subarray(0, used));
    // A block that the kernel took whole is used again; else it belongs to the socket, as does one that waits for a
    // vectored write.
    if (isCopied) blocks.giveBack(block);
    else if (this.#isCorked) this.#corkedBlock = block;
    else if (this.#socket.unsentBytes === 0) blocks.giveBack(block);
    if (this.#held !== "") this.#write();
  }

  /** The kernel has taken everything that it had left over. */
  onSent(): void {
    this.#isAwaitingDrain = false;
    this.#listener.onWritable();
  }
}
