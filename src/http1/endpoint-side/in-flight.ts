/**
 * The attempts in flight on a connection to an endpoint. Answers come in the order of the requests (RFC 9112 section
 * 9.3.2), so this is a queue; one that is given up leaves a `SkippedAttempt` in its place.
 */
import type { Attempt } from "../../http/attempt.ts";
import { canPipeline } from "./pipelining.ts";
import { SkippedAttempt } from "./skipped-attempt.ts";

/** A queue of attempts, the oldest first. One a connection. */
export class InFlight {
  readonly #attempts: Attempt[] = [];
  /** How many do not share the connection. */
  #exclusiveCount = 0;
  /** How many, the youngest ones, are not written yet. */
  #unsentCount = 0;

  get count(): number {
    return this.#attempts.length;
  }

  /** The one whose answer comes next; undefined = nothing is in flight. */
  get first(): Attempt | undefined {
    return this.#attempts[0];
  }

  /** All of them may share the connection with others. */
  get isShareable(): boolean {
    return this.#exclusiveCount === 0;
  }

  /** At least one is written: an answer may come. */
  get isAnswerDue(): boolean {
    return this.#attempts.length > this.#unsentCount;
  }

  add(attempt: Attempt): void {
    this.#attempts.push(attempt);
    if (!canPipeline(attempt)) this.#exclusiveCount++;
  }

  /** The youngest waits for the others of its turn, to be written with them. */
  noteUnsent(): void {
    this.#unsentCount++;
  }

  /** Everything is written. */
  noteSent(): void {
    this.#unsentCount = 0;
  }

  /** Takes the first off: it is answered. */
  shift(): Attempt {
    const attempt = this.#attempts.shift()!;
    if (!canPipeline(attempt)) this.#exclusiveCount--;
    return attempt;
  }

  /** -1 = it is not in flight here. */
  indexOf(attempt: Attempt): number {
    return this.#attempts.indexOf(attempt);
  }

  /** Gives up the one at `index`; its answer will be read and thrown away. */
  skip(index: number): void {
    const attempt = this.#attempts[index]!;
    if (!canPipeline(attempt)) this.#exclusiveCount--;
    this.#attempts[index] = new SkippedAttempt(attempt.request);
  }

  /** Takes off the one at `index`. */
  remove(index: number): void {
    this.#attempts.splice(index, 1);
  }

  /** Takes off those behind the first. */
  takeBehind(): Attempt[] {
    this.#unsentCount = 0;
    return this.#attempts.splice(1);
  }

  /** Takes all off. */
  takeAll(): Attempt[] {
    return this.#attempts.splice(0);
  }
}
