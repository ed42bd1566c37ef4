/**
 * What all bodies of a store have in common: a range that is given to a sink at its pace, once. Where the bytes come
 * from is for `more` to say, which is called whenever the sink can take some.
 */
import { type BodySink, type BodySource, nowhere } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { StoredBody } from "../cache-store.ts";
import { brokenBody } from "./disk-host.ts";

/** A body that was found, or is being written. */
export abstract class BodyReader implements StoredBody, BodySource {
  answer: StoredAnswer;
  /** The next byte to give. */
  protected position = 0;
  /** The first byte that is not wanted. */
  protected end = Number.POSITIVE_INFINITY;
  #sink: BodySink = nowhere;
  #isOpen = false;
  #isOver = false;
  #isBlocked = false;
  #isGiving = false;

  constructor(answer: StoredAnswer) {
    this.answer = answer;
  }

  abstract get isGrowing(): boolean;

  /** Gives what there is, by `give`, and comes to an end by `finish` or `breakOff`. */
  protected abstract more(): void;

  /** Nobody wants it any more. Once. */
  protected abstract letGo(): void;

  open(start: number, end: number, sink: BodySink): BodySource {
    if (this.#isOpen) throw new Error("a stored body was opened twice");
    this.#isOpen = true;
    this.#sink = sink;
    this.position = start;
    this.end = end;
    if (this.#isOver) this.#sink.abort(brokenBody);
    else this.pump();
    return this;
  }

  release(): void {
    if (!this.#isOpen) this.#close();
  }

  resume(): void {
    this.#isBlocked = false;
    this.pump();
  }

  stop(_code: ReasonCode): void {
    this.#close();
  }

  /** It must break off: the store is closed. */
  cut(): void {
    if (this.#isOpen) this.breakOff();
    else this.#close();
  }

  /** The sink can take some now. */
  protected get canGive(): boolean {
    return this.#isOpen && !this.#isBlocked && !this.#isOver;
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** Gives what there is, if it is wanted; harmless at any time, also while something is being given. */
  pump(): void {
    if (!this.canGive || this.#isGiving) return;
    this.#isGiving = true;
    this.more();
    this.#isGiving = false;
  }

  /** Gives a chunk, which is not written to afterwards, and goes `position` on. */
  protected give(chunk: Buffer): void {
    this.position += chunk.length;
    this.#sink.data(chunk);
    if (!this.#isOver && this.position < this.end && !this.#sink.flush()) this.#isBlocked = true;
  }

  /** The range is complete. */
  protected finish(): void {
    if (this.#isOver) return;
    const sink = this.#sink;
    this.#close();
    sink.end(null);
  }

  protected breakOff(): void {
    if (this.#isOver) return;
    const sink = this.#sink;
    this.#close();
    sink.abort(brokenBody);
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink = nowhere;
    this.letGo();
  }
}
