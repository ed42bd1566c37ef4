/**
 * A request body that was read before anybody was asked to take it: first into memory, then into a temporary file. It
 * can be given any number of times.
 */
import { HeldBytes } from "../../base/held-bytes.ts";
import type { HeldMemory } from "../../base/held-memory.ts";
import { type BodyLength, type BodySink, type BodySource, emptySource, type RequestBody } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { SpillFile } from "./spill-file.ts";

const readBytes = 65_536;
const firstBlockBytes = 1_024;

/** Who waits for the whole body. At most one of these comes. */
export interface BufferListener {
  onComplete(): void;
  onTooLarge(): void;
  /** It has broken off. */
  onAborted(code: ReasonCode): void;
  /** The temporary file cannot be written or read; it may come while the body is given, too. */
  onError(error: NodeJS.ErrnoException): void;
}

/** How long a body may be, and how much of it may be in memory. */
export interface BufferLimits {
  readonly maxRequestBytes: number;
  readonly memoryBytes: number;
}

/** Reads a request body to its end, then gives it on, as often as it is asked to. */
export class BufferedBody implements RequestBody, BodySink, BodySource {
  readonly isRepeatable = true;
  #trailers: Fields | null = null;
  readonly #body: RequestBody;
  #source: BodySource = emptySource;
  readonly #limits: BufferLimits;
  readonly #listener: BufferListener;
  readonly #held: HeldMemory;
  readonly #memory: HeldBytes;
  #file: SpillFile | null = null;
  #isComplete = false;
  #isOver = false;
  /** The source was told to wait. */
  #isSourceWaiting = false;
  // Giving.
  #sink: BodySink | null = null;
  #nextPiece = 0;
  #filePosition = 0;
  #isReading = false;
  /** Counts the givings: what was read for an earlier one is dropped. */
  #round = 0;

  constructor(
    body: RequestBody,
    parts: { readonly limits: BufferLimits; readonly held: HeldMemory; readonly listener: BufferListener },
  ) {
    this.#body = body;
    this.#limits = parts.limits;
    this.#listener = parts.listener;
    this.#held = parts.held;
    this.#memory = new HeldBytes(parts.held, { maxBytes: parts.limits.memoryBytes, firstBlockBytes });
  }

  /** Begins to read. */
  fill(): void {
    this.#source = this.#body.open(this);
  }

  get byteLength(): number {
    return this.#memory.byteLength + (this.#file?.byteLength ?? 0);
  }

  /** What goes upstream has a length, unless trailers are to come behind it. */
  get length(): BodyLength {
    return this.#trailers === null ? this.byteLength : "unknown";
  }

  get isInFile(): boolean {
    return this.#file !== null;
  }

  /** Lets go of memory and file. Nothing is told and nothing is given any more. */
  discard(): void {
    this.#isOver = true;
    this.#sink = null;
    this.#memory.clear();
    this.#file?.close();
  }

  // `BodySink`: taking it in.

  data(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.byteLength + chunk.length > this.#limits.maxRequestBytes) {
      this.discard();
      this.#listener.onTooLarge();
      return;
    }
    const fitting = this.#file === null ? this.#memory.append(chunk) : 0;
    if (fitting === chunk.length) return;
    this.#file ??= this.#openFile();
    this.#file.append(fitting === 0 ? chunk : chunk.subarray(fitting));
  }

  flush(): boolean {
    this.#isSourceWaiting = this.#file !== null && !this.#file.settle();
    return !this.#isSourceWaiting;
  }

  end(trailers: Fields | null): boolean {
    if (this.#isOver) return true;
    this.#isComplete = true;
    this.#trailers = trailers;
    this.#file?.finish();
    if (this.#file === null || this.#file.isIdle) this.#listener.onComplete();
    return true;
  }

  abort(code: ReasonCode): void {
    if (this.#isOver) return;
    this.discard();
    this.#listener.onAborted(code);
  }

  #openFile(): SpillFile {
    return new SpillFile(this.#held, {
      onWritten: (isIdle) => {
        if (this.#isComplete) {
          if (isIdle) this.#listener.onComplete();
        } else if (this.#isSourceWaiting) {
          this.#isSourceWaiting = false;
          this.#source.resume();
        }
      },
      onError: (error) => {
        this.discard();
        this.#listener.onError(error);
      },
    });
  }

  // `RequestBody` and `BodySource`: giving it on.

  open(sink: BodySink): BodySource {
    this.#sink = sink;
    this.#nextPiece = 0;
    this.#filePosition = 0;
    this.#isReading = false;
    this.#give(++this.#round);
    return this;
  }

  resume(): void {
    if (this.#sink !== null && !this.#isReading) this.#give(this.#round);
  }

  stop(): void {
    this.#sink = null;
  }

  /** Goes on until the sink has enough for now. */
  #give(round: number): void {
    this.#isReading = true;
    while (this.#isCurrent(round) && this.#nextPiece < this.#memory.pieceCount) {
      this.#sink!.data(this.#memory.pieceAt(this.#nextPiece++));
      if (this.#isCurrent(round) && !this.#sink!.flush()) {
        if (this.#isCurrent(round)) this.#isReading = false;
        return;
      }
    }
    if (!this.#isCurrent(round)) return;
    const file = this.#file;
    if (file !== null && this.#filePosition < file.byteLength) this.#giveFromFile(file, round);
    else {
      const sink = this.#sink!;
      this.#sink = null;
      sink.end(this.#trailers);
    }
  }

  #giveFromFile(file: SpillFile, round: number): void {
    file.read(this.#filePosition, Math.min(readBytes, file.byteLength - this.#filePosition), (chunk) => {
      // Another giving has begun meanwhile: what was read for this one is nobody's.
      if (!this.#isCurrent(round)) return;
      try {
        this.#filePosition += chunk.length;
        this.#sink!.data(chunk);
        if (this.#isCurrent(round) && this.#sink!.flush()) this.#give(round);
        else if (this.#isCurrent(round)) this.#isReading = false;
      } catch (error) {
        this.discard();
        this.#listener.onError(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #isCurrent(round: number): boolean {
    return round === this.#round && this.#sink !== null && !this.#isOver;
  }
}
