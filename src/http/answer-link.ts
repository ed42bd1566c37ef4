/**
 * One answer on its way through the filters of its exchange. Between any two that hand it on stands a link, which takes
 * the calls of both: nothing that a filter calls, whenever, throws at it, and a link knows whether the answer still has
 * somebody who goes on with it. If it has not, the exchange fails: it is never left without an answer (the contract is
 * that of `AnswerFilter`).
 */
import type { AnswerFilter, AnswerHead, NextResponder, Responder } from "./answer.ts";
import { type AnswerWay, type FilteredExchange, turnAway } from "./answer-way.ts";
import { type BodySink, type BodySource, nowhere } from "./body.ts";
import type { Fields } from "./fields.ts";
import { GuardedSink } from "./guarded-sink.ts";
import { InterimStep } from "./interim-step.ts";
import type { ReasonCode } from "./reason.ts";

/** An answer on its way. */
export class PassingAnswer implements AnswerWay {
  readonly exchange: FilteredExchange;
  readonly client: Responder;
  readonly filters: readonly AnswerFilter[];
  #first: Link | null = null;
  #isClosed = false;

  constructor({ exchange, client, filters }: AnswerWay) {
    this.exchange = exchange;
    this.client = client;
    this.filters = filters;
  }

  /** Sends it on its way. Never throws. @returns where its body goes */
  begin(head: AnswerHead, source: BodySource): BodySink {
    const first = this.linkBefore(this.filters.length, source);
    this.#first = first;
    return first.begin(head);
  }

  /** @param ahead how many filters are still to be passed */
  linkBefore(ahead: number, source: BodySource): Link {
    return ahead === 0 ? new Exit(this, source) : new Passage(this, source, ahead - 1);
  }

  /** Nothing of it is wanted any more. */
  get isOver(): boolean {
    return this.#isClosed || this.exchange.isEnded;
  }

  /** From now on no filter can hand it on, nor end the exchange by giving it up. */
  close(): void {
    this.#isClosed = true;
  }

  /** Tells everybody who has something of it that it is of no use any more, the giver last. It is closed by then. */
  breakOff(code: ReasonCode): void {
    this.#first?.breakOff(code);
    this.#first?.stopSource(code);
  }

  /** Nobody goes on with it. */
  giveUp(code: ReasonCode): void {
    if (!this.isOver) this.exchange.fail(code);
  }

  crash(error: unknown): void {
    if (this.#isClosed) this.exchange.onInternalError(error);
    else this.exchange.crashPastFilters(error);
  }
}

/** Stands between whoever gives the answer's body (below: the giver) and whoever takes it (the taker). */
abstract class Link extends GuardedSink implements BodySource {
  protected readonly answer: PassingAnswer;
  readonly #source: BodySource;
  #isSettled = false;
  #isStopped = false;

  constructor(answer: PassingAnswer, source: BodySource) {
    super(nowhere, answer);
    this.answer = answer;
    this.#source = source;
  }

  /** Hands the head to the taker. @returns where the body goes */
  abstract begin(head: AnswerHead): BodySink;

  /** Tells the taker, and all behind it, that the answer is of no use any more. */
  abstract breakOff(code: ReasonCode): void;

  /** The giver has done its duty, for the body has ended or broken off, or it has none any more: the taker has stopped. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  protected settle(): void {
    this.#isSettled = true;
  }

  /** The giver has been told to stop. */
  protected get isStopped(): boolean {
    return this.#isStopped;
  }

  override end(trailers: Fields | null): boolean {
    this.#isSettled = true;
    return super.end(trailers);
  }

  override abort(code: ReasonCode): void {
    this.#isSettled = true;
    super.abort(code);
  }

  resume(): void {
    if (this.#isStopped) return;
    try {
      this.#source.resume();
    } catch (error) {
      this.answer.crash(error);
    }
  }

  stop(code: ReasonCode): void {
    this.#isSettled = true;
    this.stopSource(code);
  }

  /** Tells the giver to stop, once; nothing of what it gives all the same is taken. */
  stopSource(code: ReasonCode): void {
    this.sink = nowhere;
    if (this.#isStopped) return;
    this.#isStopped = true;
    try {
      this.#source.stop(code);
    } catch (error) {
      this.answer.crash(error);
    }
  }

  /** As `stopSource`, for a giver that has been told in another way. */
  protected forgetSource(): void {
    this.#isStopped = true;
  }
}

/** Before the client's side, behind all filters. */
class Exit extends Link {
  begin(head: AnswerHead): BodySink {
    const { exchange, client } = this.answer;
    if (exchange.isHeadSent || this.answer.isOver) {
      this.stop("CLIENT_GONE");
      return nowhere;
    }
    try {
      const sink = client.start(head, this);
      if (!this.isSettled) this.sink = sink;
    } catch (error) {
      this.answer.crash(error);
    }
    return this;
  }

  // The exchange tells the client itself.
  breakOff(): void {
    this.settle();
    this.forgetSource();
    this.sink = nowhere;
  }
}

/** Before a filter: what that is given as source, and what it hands the answer on to. */
class Passage extends Link implements NextResponder {
  /** How many filters are to be passed behind this one. */
  readonly #ahead: number;
  /** What the filter has handed on goes through here; null = nothing yet. */
  #next: Link | null = null;
  /** What the filter was given to put the body of that in. */
  #nextSink: BodySink | null = null;
  /** Gives what has taken the place of this answer; null = nothing has. */
  #replacement: BodySource | null = null;
  /** The body does not pass the filter. */
  #isAside = false;
  /** Why the filter gets no more; null = it may. */
  #broken: ReasonCode | null = null;

  constructor(answer: PassingAnswer, source: BodySource, ahead: number) {
    super(answer, source);
    this.#ahead = ahead;
  }

  begin(head: AnswerHead): BodySink {
    let sink: BodySink;
    try {
      sink = this.answer.filters[this.#ahead]!.start(head, this, this);
    } catch (error) {
      this.answer.crash(error);
      return nowhere;
    }
    // Given up, or replaced, within the call.
    if (this.isStopped) return nowhere;
    if (sink === this.#nextSink) {
      this.#isAside = true;
      return sink;
    }
    this.sink = sink;
    if (this.#broken !== null) super.abort(this.#broken);
    return this;
  }

  // `NextResponder`.

  interim(head: AnswerHead): boolean {
    return new InterimStep(this.answer, this.#ahead).interim(head);
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    if (this.#next !== null || this.#broken !== null || this.answer.isOver)
      return turnAway(source, this.answer.exchange);
    this.#next = this.answer.linkBefore(this.#ahead, source);
    this.#nextSink = this.#next.begin(head);
    return this.#nextSink;
  }

  replace(head: AnswerHead, source: BodySource): BodySink {
    if (this.#next !== null || this.#broken !== null || this.answer.isOver)
      return turnAway(source, this.answer.exchange);
    this.#replacement = source;
    const sink = this.start(head, source);
    this.stopSource("CLIENT_GONE");
    return sink;
  }

  // `BodySource`: the filter wants no more of what it is given.

  override stop(code: ReasonCode): void {
    if (this.isStopped) return;
    super.stop(code);
    this.#endUnless(code);
  }

  // `BodySink`: the giver's.

  override get isSettled(): boolean {
    return this.#isAside ? this.#next!.isSettled : super.isSettled;
  }

  override abort(code: ReasonCode): void {
    if (this.isSettled || this.isStopped) return;
    this.#broken = code;
    super.abort(code);
    this.#endUnless(code);
  }

  /** Ends the exchange, unless the filter has brought what it had handed on to an end. */
  #endUnless(code: ReasonCode): void {
    if (this.#next === null || !this.#next.isSettled) this.answer.giveUp(code);
  }

  breakOff(code: ReasonCode): void {
    if (this.#broken === null) {
      this.#broken = code;
      this.settle();
      if (this.#replacement !== null) this.#stopReplacement(this.#replacement, code);
      else if (!this.isStopped && !this.#isAside) super.abort(code);
    }
    this.#next?.breakOff(code);
  }

  #stopReplacement(source: BodySource, code: ReasonCode): void {
    try {
      source.stop(code);
    } catch (error) {
      this.answer.crash(error);
    }
  }
}
