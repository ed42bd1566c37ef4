/**
 * HTTP/1.1 by a client that hides nothing: a bare socket, every request written at once (those behind unanswered ones
 * are pipelined), every answer read by the strict reader (`wire-reader.ts`). No retries, no pool.
 */
import type { NetConnectOpts } from "node:net";
import { frame, lastChunk, linesOf, pieceOf } from "./http1-framing.ts";
import { endToEnd, type FieldList, type Interim, ReceivedAnswer } from "./message.ts";
import { RawClient } from "./raw-client.ts";
import type { Ask, ClientExchange, ClientProtocol, Speaker } from "./speaker.ts";
import { readInterim, readResponse, valuesOf, type WireResponse } from "./wire-reader.ts";

const toInterim = ({ status, fields }: WireResponse): Interim => ({ status, fields: endToEnd(fields) });

/** An answer as bytes were read, in no protocol's terms. */
export function toAnswer(response: WireResponse): ReceivedAnswer {
  const { status, interim, body, isComplete } = response;
  const isLast =
    response.framing === "close" || valuesOf(response, "connection").some((value) => value.toLowerCase() === "close");
  return new ReceivedAnswer(
    { status, interim: interim.map(toInterim), isLast },
    { fields: endToEnd(response.fields), body, trailers: endToEnd(response.trailers), isComplete },
  );
}

class Http1Exchange implements ClientExchange {
  readonly method: string;
  /** Where its answer begins in what was received; -1 while another's is not complete. */
  start = -1;
  complete: ReceivedAnswer | null = null;
  readonly #speaker: Http1Speaker;
  readonly #isChunked: boolean;

  constructor(speaker: Http1Speaker, method: string, isChunked: boolean) {
    this.#speaker = speaker;
    this.method = method;
    this.#isChunked = isChunked;
  }

  send(content: string | Buffer): void {
    this.#speaker.raw.send(pieceOf(content, this.#isChunked));
  }

  finish(trailers?: FieldList): void {
    if (this.#isChunked) this.#speaker.raw.send(lastChunk(trailers));
  }

  abort(): void {
    this.#speaker.abort();
  }

  get received(): Buffer {
    return (this.complete ?? this.#partial())?.body ?? Buffer.alloc(0);
  }

  async interim(count: number): Promise<readonly Interim[]> {
    const look = (): readonly Interim[] =>
      this.complete?.interim ??
      (this.start === -1 ? [] : readInterim(this.#speaker.raw.received, this.start).message.map(toInterim));
    await this.#until(() => look().length >= count, `${count} interim answers came`);
    return look();
  }

  async head(): Promise<ReceivedAnswer> {
    await this.#until(() => (this.complete ?? this.#partial()) !== null, "the head of the answer came");
    return (this.complete ?? this.#partial())!;
  }

  untilReceived(expected: number | string): Promise<void> {
    return this.#until(
      () => (typeof expected === "number" ? this.received.length >= expected : this.received.includes(expected)),
      `${expected} came`,
    );
  }

  async answer(): Promise<ReceivedAnswer> {
    await this.#until(() => this.complete !== null, "an answer came");
    return this.complete!;
  }

  async brokenAnswer(): Promise<ReceivedAnswer | null> {
    await this.#speaker.untilOver();
    this.#speaker.look();
    if (this.complete !== null) throw new Error("the answer is complete");
    return this.#partial();
  }

  untilOver(): Promise<void> {
    return this.#speaker.untilOver();
  }

  #partial(): ReceivedAnswer | null {
    return this.start === -1 ? null : this.#speaker.readAt(this.start, this.method, true);
  }

  #until(isTrue: () => boolean, what: string): Promise<void> {
    const { raw } = this.#speaker;
    const tail = (): string =>
      JSON.stringify(raw.received.subarray(Math.max(0, this.start)).toString("latin1").slice(0, 400));
    return raw.until(
      () => {
        this.#speaker.look();
        if (isTrue()) return true;
        if (raw.isOver || this.complete !== null)
          throw new Error(
            `the answer ended before ${what}: ${tail()}${raw.error === null ? "" : ` (${raw.error.code})`}`,
          );
        return false;
      },
      () => `${what}; so far ${tail()}`,
    );
  }
}

/** One connection. */
export class Http1Speaker implements Speaker {
  /** The connection, for what only HTTP/1.1 has. */
  readonly raw: RawClient;
  readonly localPort: number;
  begunCount = 0;
  answeredCount = 0;
  /** Not answered yet, the first that will be at the front. */
  readonly #open: Http1Exchange[] = [];
  #readTo = 0;

  constructor(raw: RawClient) {
    this.raw = raw;
    this.localPort = raw.socket.localPort ?? 0;
  }

  static async connect(target: number | NetConnectOpts): Promise<Http1Speaker> {
    return new Http1Speaker(await RawClient.connect(target));
  }

  get isOver(): boolean {
    return this.raw.isOver;
  }

  ask(request?: Ask): Promise<ReceivedAnswer> {
    return this.begin(request).answer();
  }

  begin({ method = "GET", path = "/", authority = "a", fields, body, trailers, length }: Ask = {}): ClientExchange {
    const framing =
      length === undefined
        ? frame(body, trailers)
        : {
            field: length === "unknown" ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`,
            bytes: Buffer.alloc(0),
          };
    const exchange = new Http1Exchange(this, method, length === "unknown");
    if (this.#open.push(exchange) === 1) exchange.start = this.#readTo;
    this.begunCount++;
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${linesOf(fields)}${framing.field}\r\n`;
    this.raw.send(Buffer.concat([Buffer.from(head, "latin1"), framing.bytes]));
    return exchange;
  }

  /** Reads what has come. */
  look(): void {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      const answer = this.readAt(first.start, first.method, false);
      if (answer === null) return;
      first.complete = answer;
      this.answeredCount++;
      this.#open.shift();
      if (this.#open[0] !== undefined) this.#open[0].start = this.#readTo;
    }
  }

  /** The answer at an offset; null if it is not there, or not complete if it is to be. */
  readAt(start: number, method: string, isPartial: boolean): ReceivedAnswer | null {
    const isClosed = this.raw.isEnded && this.raw.error === null;
    const read = readResponse(this.raw.received, start, { method, isClosed, partial: isPartial });
    if (read === null) return null;
    if (!isPartial) this.#readTo = read.end;
    return toAnswer(read.message);
  }

  pause(): void {
    this.raw.socket.pause();
  }

  resume(): void {
    this.raw.socket.resume();
  }

  end(): void {
    this.raw.end();
  }

  abort(): void {
    this.raw.reset();
  }

  /** @throws if something came that is no answer to a request of this client */
  async untilOver(): Promise<void> {
    await this.raw.untilOver();
    this.look();
    const stray = this.raw.received.subarray(this.#readTo);
    if (this.#open.length === 0 && stray.length > 0)
      throw new Error(`nobody asked for ${JSON.stringify(stray.toString("latin1").slice(0, 400))}`);
  }

  async close(): Promise<void> {
    await this.raw.close();
    this.look();
  }

  destroy(): void {
    this.raw.destroy();
  }
}

export const http1Client: ClientProtocol = {
  name: "HTTP/1.1",
  scheme: "http",
  listener: {},
  connect: (target) => Http1Speaker.connect(target),
};
