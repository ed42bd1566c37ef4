/**
 * The wait of a client connection for more of a request body. While the answer flows, the upload may rest: bytes in
 * either direction are progress. If the endpoint does not send a 100 to a client that waits for it, we do.
 */
import { continueHead } from "../../http/answer.ts";
import type { ClientAnswer } from "./client-answer.ts";
import type { ClientContext } from "./client-context.ts";
import { type ClientDeadlines, Wait } from "./client-deadlines.ts";

/** How long an endpoint may take to say 100 or to answer before a client that waits for it is told to go on. */
const continueMs = 1_000;

/** Arms the deadline for more of a request body, and decides what is to be done when it fires. One a connection. */
export class BodyWait {
  readonly #deadlines: ClientDeadlines;
  readonly #answer: ClientAnswer;
  readonly #context: ClientContext;
  #answeredBytes = 0;

  constructor(deadlines: ClientDeadlines, answer: ClientAnswer, context: ClientContext) {
    this.#deadlines = deadlines;
    this.#answer = answer;
    this.#context = context;
  }

  /** Some of the body was read, or whoever takes it can take more. */
  again(): void {
    this.#answeredBytes = this.#answer.bodyBytes;
    this.#deadlines.await(Wait.body, this.#context.timeouts.body);
  }

  /** None of it has come yet. */
  first(): void {
    this.again();
    const { body } = this.#context.timeouts;
    if (this.#answer.isContinueAwaited)
      this.#deadlines.await(Wait.body, body > 0 ? Math.min(continueMs, body) : continueMs);
  }

  /** The time is up. @returns whether the body has taken too long */
  endsInVain(): boolean {
    const answer = this.#answer;
    // Endpoints that know nothing of Expect (HTTP/1.0, or careless ones) leave the client waiting (RFC 9110 section
    // 10.1.1).
    if (answer.isContinueAwaited) answer.interim(continueHead);
    // What the client has to take of its answer has a timer of its own.
    else if (!answer.isBlocked && answer.bodyBytes === this.#answeredBytes) return true;
    this.again();
    return false;
  }
}
