/**
 * The clients of the storm in `test/integration/identity.test.ts`: well-behaved, slow, pipelining, half-closing and
 * vanishing ones, who check every byte they are answered.
 */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import {
  below,
  BodyKind,
  bodyPiece,
  breakOff,
  chance,
  createRandom,
  isOfBody,
  oneOf,
  type Plan,
  type Random,
} from "./identity-plan.ts";

/** How a connection is used. */
export interface Manner {
  readonly isPipelining: boolean;
  /** Reads a piece, then nothing for a while. */
  readonly isSlow: boolean;
  readonly isHttp10: boolean;
  /** Ends its side behind the last request. */
  readonly isHalfClosing: boolean;
  /** Breaks off after so many received bytes, or so many milliseconds. */
  readonly abortAfterBytes: number | null;
  readonly abortAfterMs: number | null;
  readonly seed: number;
}

/** What became of a request. */
export interface Outcome {
  readonly plan: Plan;
  readonly manner: Manner;
  /** `own`: the proxy's own answer. `partial`: broken off. `none`: nothing of an answer came. */
  readonly kind: "complete" | "own" | "partial" | "none";
  /** The reason code of the proxy's own answer. */
  readonly code: string;
  /** The connection broke off, was to be closed, or was given up by the client, before this answer was complete. */
  readonly isExcused: boolean;
}

/** How a connection is used, at random. */
export function mannerOf(random: Random, plans: readonly Plan[]): Manner {
  const isHttp10 = plans.length === 1 && plans[0]!.upload?.isChunked !== true && chance(random, 0.3);
  const doesAbort = chance(random, 0.15);
  const aborts = doesAbort && chance(random, 0.7);
  return {
    isPipelining: chance(random, 0.5),
    isSlow: chance(random, 0.25),
    isHttp10,
    isHalfClosing: chance(random, 0.2),
    abortAfterBytes: aborts ? below(random, oneOf(random, [200, 5_000, 1_000_000])) : null,
    abortAfterMs: doesAbort && !aborts ? below(random, 60) : null,
    seed: below(random, 2 ** 31),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The answer being read. */
class Answer {
  plan: Plan;
  isOwn = false;
  code = "";
  status = 0;
  framing: "none" | "length" | "chunked" | "close" = "none";
  /** Left of the body, or of the chunk. */
  remaining = 0;
  received = 0;
  ownText = "";
  closes = false;

  constructor(plan: Plan) {
    this.plan = plan;
  }
}

/** One connection with its requests, from the first byte to the last. */
export class StormClient {
  readonly violations: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly #plans: readonly Plan[];
  readonly #manner: Manner;
  readonly #random: Random;
  readonly #socket: Socket;
  readonly #over = Promise.withResolvers<void>();
  #unread: Buffer = Buffer.alloc(0);
  #answer: Answer | null = null;
  /** Index of the next request to be answered. */
  #next = 0;
  #answered: (() => void) | null = null;
  #receivedBytes = 0;
  #hasAborted = false;
  #hasEnded = false;
  #mayEnd = false;
  #endedMs = 0;

  constructor(target: NetConnectOpts, plans: readonly Plan[], manner: Manner) {
    this.#plans = plans;
    this.#manner = manner;
    this.#random = createRandom(manner.seed);
    this.#socket = connect({ ...target, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
  }

  /** Resolves when the connection is gone; then every request has its outcome. */
  async run(): Promise<void> {
    const socket = this.#socket;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => {
      this.#onFin();
      socket.end();
    });
    socket.on("close", () => this.#onClose());
    if (this.#manner.abortAfterMs !== null) setTimeout(() => this.#abort(), this.#manner.abortAfterMs).unref();
    await this.#sendAll();
    await this.#over.promise;
  }

  async #sendAll(): Promise<void> {
    const socket = this.#socket;
    for (const [index, plan] of this.#plans.entries()) {
      if (socket.destroyed || this.#hasEnded) return;
      await this.#send(plan);
      if (!this.#manner.isPipelining) await this.#untilAnswered(index);
    }
    if (this.#manner.isHalfClosing) {
      this.#endedMs = performance.now();
      socket.end();
    }
    await this.#untilAnswered(this.#plans.length - 1);
    socket.end();
  }

  #untilAnswered(index: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#next <= index && !this.#socket.destroyed && !this.#hasEnded) return;
        this.#answered = null;
        resolve();
      };
      this.#answered = look;
      look();
    });
  }

  async #send(plan: Plan): Promise<void> {
    const { upload } = plan;
    const framing =
      upload === null ? "" : upload.isChunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${upload.size}\r\n`;
    const keep = this.#manner.isHttp10 ? "Connection: keep-alive\r\n" : "";
    let bytes = Buffer.from(
      `${plan.method} /id/${plan.id} HTTP/1.${this.#manner.isHttp10 ? 0 : 1}\r\nHost: storm\r\nx-storm-id: ${plan.id}\r\nx-storm-way: ${plan.way}\r\n${framing}${keep}\r\n`,
    );
    if (chance(this.#random, 0.1)) {
      const cut = below(this.#random, bytes.length);
      await this.#write(bytes.subarray(0, cut));
      await turn();
      bytes = bytes.subarray(cut);
    }
    await this.#write(bytes);
    if (upload === null) return;
    const meanPiece = 2 ** (6 + below(this.#random, 11));
    for (let at = 0, pieces = 0; at < upload.size && this.#socket.writable; pieces++) {
      const length = Math.min(upload.size - at, 65_536, pieces < 30 ? 1 + below(this.#random, 2 * meanPiece) : 65_536);
      const piece = bodyPiece(plan.id, BodyKind.upload, at, length);
      at += length;
      await this.#write(
        upload.isChunked
          ? Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), piece, Buffer.from("\r\n")])
          : piece,
      );
      if (upload.isSlow && pieces < 30)
        await (chance(this.#random, 0.3)
          ? new Promise((resolve) => setTimeout(resolve, below(this.#random, 3)))
          : turn());
    }
    if (upload.isChunked) await this.#write(Buffer.from("0\r\n\r\n"));
  }

  async #write(bytes: Buffer): Promise<void> {
    const socket = this.#socket;
    if (!socket.writable || socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        socket.removeListener("drain", go);
        socket.removeListener("close", go);
        resolve();
      };
      socket.on("drain", go);
      socket.on("close", go);
    });
  }

  #abort(): void {
    if (this.#socket.destroyed) return;
    this.#hasAborted = true;
    if (chance(this.#random, 0.5)) breakOff(this.#socket);
    else this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (this.#unread.length > 0 && !this.#socket.destroyed && this.#read());
    if (this.#manner.abortAfterBytes !== null && this.#receivedBytes >= this.#manner.abortAfterBytes)
      return this.#abort();
    if (!this.#manner.isSlow || this.#receivedBytes > 3_000_000) return;
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), chance(this.#random, 0.1) ? 30 : below(this.#random, 4));
  }

  #violate(what: string): false {
    this.violations.push(`at the client: ${what}`);
    this.#hasAborted = true;
    this.#socket.destroy();
    return false;
  }

  /** @returns false when more bytes are needed */
  #read(): boolean {
    const answer = this.#answer;
    if (answer === null) return this.#readHead();
    if (answer.framing === "chunked" && answer.remaining === 0) return this.#readChunkLine(answer);
    const piece = answer.framing === "close" ? this.#unread : this.#unread.subarray(0, answer.remaining);
    this.#unread = this.#unread.subarray(piece.length);
    answer.remaining -= piece.length;
    if (answer.isOwn) answer.ownText += piece.toString("latin1");
    else {
      const { id, isEcho } = answer.plan;
      if (!isOfBody(piece, id, isEcho ? BodyKind.upload : BodyKind.answer, answer.received))
        return this.#violate(
          `the answer to ${id} has foreign bytes after ${answer.received}: ${JSON.stringify(piece.toString("latin1", 0, 60))}`,
        );
    }
    answer.received += piece.length;
    if (answer.framing === "length" && answer.remaining === 0) this.#complete(answer);
    return true;
  }

  #readHead(): boolean {
    const plan = this.#plans[this.#next];
    if (plan === undefined)
      return this.#violate(`bytes that nobody asked for: ${JSON.stringify(this.#unread.toString("latin1", 0, 200))}`);
    const end = this.#unread.indexOf("\r\n\r\n", 0, "latin1");
    if (end === -1) return false;
    const head = this.#unread.toString("latin1", 0, end + 2);
    this.#unread = this.#unread.subarray(end + 4);
    const [, digits = ""] = /^HTTP\/1\.1 (\d{3}) /.exec(head) ?? [];
    if (digits === "") return this.#violate(`no answer to ${plan.id}: ${JSON.stringify(head.slice(0, 200))}`);
    const status = Number(digits);
    const id = /\r\nx-storm-id: (\d+)\r\n/.exec(head)?.[1];
    if (id !== undefined && (Number(id) !== plan.id || !head.startsWith(`HTTP/1.1 ${status} storm-${plan.id}\r\n`)))
      return this.#violate(`${plan.id} is answered with ${JSON.stringify(head)}`);
    if (status < 200)
      return id === undefined || this.#manner.isHttp10
        ? this.#violate(`an interim answer from nowhere: ${head}`)
        : true;
    if (id !== undefined && status !== plan.status && !(plan.fault === "busy" && status === 503))
      return this.#violate(`${plan.id} is answered ${status}, not ${plan.status}`);
    const answer = new Answer(plan);
    answer.isOwn = id === undefined;
    answer.status = status;
    answer.closes = /\r\nconnection: close\r\n/i.test(head);
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) answer.framing = "chunked";
    else if (length !== undefined) {
      answer.framing = "length";
      answer.remaining = Number(length);
      if (!answer.isOwn && (answer.remaining !== plan.size || plan.framing !== "length"))
        return this.#violate(`${plan.id} is answered with a length of ${length}`);
    } else answer.framing = "close";
    if (plan.method === "HEAD") answer.framing = "none";
    this.#answer = answer;
    if (answer.framing === "none" || (answer.framing === "length" && answer.remaining === 0)) this.#complete(answer);
    return true;
  }

  #readChunkLine(answer: Answer): boolean {
    const start = answer.received > 0 && this.#unread[0] === 0x0d ? 2 : 0;
    const end = this.#unread.indexOf("\r\n", start, "latin1");
    if (end === -1) return false;
    const line = this.#unread.toString("latin1", start, end);
    if (!/^[0-9a-f]+$/.test(line))
      return this.#violate(`in the answer to ${answer.plan.id}: chunk line ${JSON.stringify(line.slice(0, 100))}`);
    const size = Number.parseInt(line, 16);
    if (size === 0 && this.#unread.length < end + 4) return false;
    this.#unread = this.#unread.subarray(size === 0 ? end + 4 : end + 2);
    answer.remaining = size;
    if (size === 0) this.#complete(answer);
    return true;
  }

  #complete(answer: Answer): void {
    const { plan } = answer;
    this.#answer = null;
    this.#next++;
    if (!answer.isOwn && answer.framing !== "none" && answer.received !== plan.size) {
      this.#violate(`the answer to ${plan.id} ended after ${answer.received} of ${plan.size} bytes as if complete`);
      return;
    }
    if (answer.isOwn) {
      if (plan.method !== "HEAD")
        answer.code = /^\d{3} [A-Za-z ]+: .* \(([A-Z_]+)\)\n$/.exec(answer.ownText)?.[1] ?? "";
      if (answer.status < 400 || (plan.method !== "HEAD" && answer.code === ""))
        this.#violate(
          `${plan.id} is answered ${answer.status} by nobody: ${JSON.stringify(answer.ownText.slice(0, 200))}`,
        );
    }
    this.#note(plan, answer.isOwn ? "own" : "complete", answer.code);
    if (answer.closes) this.#hasEnded = true;
    // What is left of an upload that nobody waited for may be too much to be read to its end.
    if (plan.isEarly || ((answer.isOwn || plan.fault === "busy") && plan.upload !== null)) this.#mayEnd = true;
    this.#answered?.();
  }

  #note(plan: Plan, kind: Outcome["kind"], code = ""): void {
    this.outcomes.push({
      plan,
      manner: this.#manner,
      kind,
      code,
      isExcused: this.#hasEnded || this.#hasAborted || this.#mayEnd,
    });
  }

  #onFin(): void {
    const answer = this.#answer;
    if (answer?.framing !== "close") return;
    // On a Unix socket nothing but the FIN could have said that it is broken.
    if (answer.received < answer.plan.size && answer.plan.fault !== "none" && this.#socket.remoteAddress === undefined)
      return;
    this.#complete(answer);
  }

  #onClose(): void {
    // A client that has finished its side is taken for gone if nothing of its answer flows for half a second:
    // everything here is in one thread, which may be busy for so long.
    if (this.#endedMs > 0 && performance.now() - this.#endedMs > 450) this.#hasAborted = true;
    const answer = this.#answer;
    if (answer !== null) {
      this.#next++;
      this.#note(answer.plan, "partial");
      this.#hasEnded = true;
    }
    for (const plan of this.#plans.slice(this.#next)) {
      this.#note(plan, "none");
      this.#hasEnded = true;
    }
    this.#answered?.();
    this.#over.resolve();
  }

  /** What it waits for, for whoever waits for it in vain. */
  get state(): string {
    const { destroyed, writableLength, writableEnded, readableEnded } = this.#socket;
    return JSON.stringify({
      plan: this.#plans[this.#next],
      manner: this.#manner,
      answer: this.#answer,
      isPaused: this.#socket.isPaused(),
      destroyed,
      writableLength,
      writableEnded,
      readableEnded,
      received: this.#receivedBytes,
    });
  }

  /** Gives up. */
  destroy(): void {
    this.#hasAborted = true;
    this.#socket.destroy();
  }
}
