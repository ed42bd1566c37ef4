/**
 * The attempts in flight on a connection to an endpoint, and where the answer of the first one goes. Answers come in the
 * order of the requests (RFC 9112 section 9.3.2), so this is a queue; one that is given up leaves a `SkippedAttempt` in
 * its place.
 */
import type { Attempt } from "../../http/attempt.ts";
import { type BodySink, nowhere } from "../../http/body.ts";
import { Framing, type ResponseHead } from "../../http/message.ts";
import { type BugListener, failUnanswered } from "./lost-connection.ts";
import { canPipeline } from "./pipelining.ts";
import { maxSkippedBytes, SkippedAttempt } from "./skipped-attempt.ts";

/** A queue of attempts, the oldest first. One a connection. */
export class InFlight {
  /** Where the answer of the first goes once it has begun, or the bytes of its tunnel. */
  sink: BodySink = nowhere;
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

  /** Hands the first the head of its answer, which may be that of a tunnel. */
  begin(head: ResponseHead): void {
    const attempt = this.#attempts[0]!;
    if (this.sink !== nowhere) this.sink = nowhere;
    const sink = attempt.onAnswer(head);
    // It may have been given up within the call, or its answer may have ended, before its sink was known.
    if (this.#attempts[0] === attempt) this.sink = sink;
  }

  /** Lets the answer under way leave. @returns false if its receiver cannot take more, and will call `resume` */
  flush(): boolean {
    const attempt = this.#attempts[0];
    // One that has given itself up within the call will not resume.
    return this.sink.flush() || this.#attempts[0] !== attempt;
  }

  /** The first was given up, and its answer, of which `head` has come, is too long to be read and thrown away. */
  isSkippedInVain(head: ResponseHead): boolean {
    return (
      this.#attempts[0] instanceof SkippedAttempt &&
      (head.framing === Framing.close || head.contentLength > maxSkippedBytes)
    );
  }

  /** The first was given up, and more of its answer has been thrown away than that is worth. */
  get isSkippedTooLong(): boolean {
    const attempt = this.#attempts[0];
    return attempt instanceof SkippedAttempt && attempt.isTooLarge;
  }

  /** Takes the first off: it is answered. */
  shift(): Attempt {
    // One alone is the usual case: to take it off the end moves nothing.
    const attempts = this.#attempts;
    const attempt = attempts.length === 1 ? attempts.pop()! : attempts.shift()!;
    if (!canPipeline(attempt)) this.#exclusiveCount--;
    return attempt;
  }

  /** -1 = it is not in flight here. */
  indexOf(attempt: Attempt): number {
    return this.#attempts.indexOf(attempt);
  }

  /** Takes the sink off: the answer that went there is over, or nobody wants it. */
  takeSink(): BodySink {
    const { sink } = this;
    this.sink = nowhere;
    return sink;
  }

  /**
   * Gives up the one at `index`; its answer will be read and thrown away. @param head that of the answer under way; null
   * = none is
   */
  skip(index: number, head: ResponseHead | null): void {
    const attempt = this.#attempts[index]!;
    if (!canPipeline(attempt)) this.#exclusiveCount--;
    const skipped = new SkippedAttempt(attempt.request);
    this.#attempts[index] = skipped;
    if (index === 0 && head !== null) this.sink = skipped;
  }

  /** Takes off the one at `index`, without a word to it. */
  remove(index: number): void {
    this.#attempts.splice(index, 1);
    if (index === 0) this.sink = nowhere;
  }

  /** Takes off those behind the first, and tells them that they will not be answered here. */
  failBehind(detail: string, owner: BugListener): void {
    this.#unsentCount = 0;
    failUnanswered(this.#attempts.splice(1), detail, owner);
  }

  /** Takes all off. */
  takeAll(): Attempt[] {
    return this.#attempts.splice(0);
  }
}
