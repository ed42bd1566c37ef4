/**
 * The endpoints of the storm in `test/integration/identity.test.ts`: they check every byte that reaches them and answer
 * each numbered request by its plan.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  BodyKind,
  below,
  bodyPiece,
  breakOff,
  chance,
  createRandom,
  isOfBody,
  type Plan,
  type Random,
} from "./identity-plan.ts";

/** What all endpoints of a storm know together. */
export class Ledger {
  readonly violations: string[] = [];
  /** How often the head of a request reached an endpoint. */
  readonly heads = new Map<number, number>();
  /** How many uploads reached an endpoint whole. */
  readonly uploads = new Map<number, number>();
}

const count = (counts: Map<number, number>, id: number): number => {
  const next = (counts.get(id) ?? 0) + 1;
  counts.set(id, next);
  return next;
};

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));

/** A request on its way. */
class Visit {
  readonly plan: Plan;
  /** 1 = it has not been here before. */
  readonly attempt: number;
  received = 0;
  readonly uploaded = Promise.withResolvers<void>();
  /** Takes the pieces of the upload if they are the answer. */
  onPiece: ((piece: Buffer) => void) | null = null;
  /** Pieces that came before somebody took them. */
  readonly early: Buffer[] = [];

  constructor(plan: Plan, attempt: number) {
    this.plan = plan;
    this.attempt = attempt;
  }
}

/** One connection of the proxy. */
class OriginConnection {
  readonly #socket: Socket;
  readonly #ledger: Ledger;
  readonly #planOf: (id: number) => Plan;
  readonly #queue: Visit[] = [];
  #isServing = false;
  #answered = 0;
  readonly #random = createRandom(1);
  #unread: Buffer = Buffer.alloc(0);
  /** The request whose body is being read. */
  #visit: Visit | null = null;
  /** Bytes left of the body or of the chunk. */
  #remaining = 0;
  #isChunked = false;

  constructor(socket: Socket, ledger: Ledger, planOf: (id: number) => Plan) {
    this.#socket = socket;
    this.#ledger = ledger;
    this.#planOf = planOf;
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      while (this.#unread.length > 0 && !socket.destroyed && this.#read());
    });
  }

  #violate(what: string): false {
    this.#ledger.violations.push(`at the endpoint: ${what}`);
    this.#socket.destroy();
    return false;
  }

  /** @returns false when more bytes are needed */
  #read(): boolean {
    if (this.#visit === null) return this.#readHead();
    if (this.#remaining === 0) return this.#readChunkLine(this.#visit);
    const piece = this.#unread.subarray(0, this.#remaining);
    this.#unread = this.#unread.subarray(piece.length);
    this.#remaining -= piece.length;
    this.#take(this.#visit, piece);
    if (this.#remaining === 0 && !this.#isChunked) this.#endUpload(this.#visit);
    return true;
  }

  #readHead(): boolean {
    const end = this.#unread.indexOf("\r\n\r\n", 0, "latin1");
    if (end === -1) return false;
    const head = this.#unread.toString("latin1", 0, end + 2);
    this.#unread = this.#unread.subarray(end + 4);
    const [, method = "", digits = ""] = /^([A-Z]+) \/id\/(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    if (digits === "") return this.#violate(`no request head: ${JSON.stringify(head.slice(0, 200))}`);
    const id = Number(digits);
    const plan = this.#planOf(id);
    if (!head.includes(`\r\nx-storm-id: ${id}\r\n`) || method !== plan.method)
      return this.#violate(`request ${id} with another's head: ${JSON.stringify(head)}`);
    const attempt = count(this.#ledger.heads, id);
    if (attempt > 1 && method === "POST") this.#violate(`POST ${id} came ${attempt} times`);
    const visit = new Visit(plan, attempt);
    this.#queue.push(visit);
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    this.#isChunked = /\r\ntransfer-encoding: chunked\r\n/i.test(head);
    this.#remaining = Number(length ?? 0);
    // A buffered upload gets a length.
    const isChunked = plan.upload?.isChunked === true && plan.way !== "buffer";
    if (
      plan.upload !== null &&
      (this.#isChunked !== isChunked || (length !== undefined && Number(length) !== plan.upload.size))
    )
      return this.#violate(`another's framing: ${head}`);
    if (this.#isChunked || this.#remaining > 0) this.#visit = visit;
    else this.#endUpload(visit);
    if (!this.#isServing) void this.#serve();
    return true;
  }

  #readChunkLine(visit: Visit): boolean {
    // Behind a chunk's data comes its CRLF.
    const start = this.#unread[0] === 0x0d ? 2 : 0;
    const end = this.#unread.indexOf("\r\n", start, "latin1");
    if (end === -1) return false;
    const line = this.#unread.toString("latin1", start, end);
    if (!/^[0-9a-f]+$/.test(line))
      return this.#violate(`in the upload of ${visit.plan.id}: chunk line ${JSON.stringify(line.slice(0, 100))}`);
    const size = Number.parseInt(line, 16);
    if (size === 0 && this.#unread.length < end + 4) return false;
    this.#unread = this.#unread.subarray(size === 0 ? end + 4 : end + 2);
    this.#remaining = size;
    if (size === 0) this.#endUpload(visit);
    return true;
  }

  #take(visit: Visit, piece: Buffer): void {
    const { plan } = visit;
    if (!isOfBody(piece, plan.id, BodyKind.upload, visit.received))
      this.#violate(`the upload of ${plan.id} (attempt ${visit.attempt}) has foreign bytes after ${visit.received}`);
    visit.received += piece.length;
    if (plan.isReluctant && chance(this.#random, 0.4)) {
      this.#socket.pause();
      setTimeout(() => this.#socket.resume(), below(this.#random, 20));
    }
    if (plan.fault === "reset-in-upload" && visit.attempt === 1 && visit.received >= plan.faultAt)
      breakOff(this.#socket);
    if (!plan.isEcho) return;
    if (visit.onPiece === null) visit.early.push(piece);
    else visit.onPiece(piece);
  }

  #endUpload(visit: Visit): void {
    this.#visit = null;
    const { id, upload } = visit.plan;
    if (visit.received !== (upload?.size ?? 0))
      this.#violate(
        `the upload of ${id} (attempt ${visit.attempt}) ended after ${visit.received} of ${upload?.size} bytes`,
      );
    else if (upload !== null) count(this.#ledger.uploads, id);
    visit.uploaded.resolve();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let visit = this.#queue.shift(); visit !== undefined && this.#socket.writable; visit = this.#queue.shift()) {
      await this.#answer(visit);
      this.#answered++;
    }
    this.#isServing = false;
  }

  async #answer(visit: Visit): Promise<void> {
    const socket = this.#socket;
    const { plan } = visit;
    const isFaulty = visit.attempt === 1;
    const random = createRandom(plan.pieceSeed);
    if (plan.delayMs > 0) await pause(plan.delayMs);
    if (isFaulty && plan.fault === "reset-before-answer") {
      if (plan.upload !== null && chance(random, 0.5)) await this.#orClosed(visit.uploaded.promise);
      this.#break(visit);
      return;
    }
    const isBusy = isFaulty && plan.fault === "busy";
    if (isBusy ? chance(random, 0.5) : !plan.isEcho && !plan.isEarly) await this.#orClosed(visit.uploaded.promise);
    for (let at = 0; at < plan.interimCount; at++) {
      socket.write(`HTTP/1.1 103 storm-${plan.id}\r\nx-storm-id: ${plan.id}\r\n\r\n`);
      if (chance(random, 0.5)) await pause(0);
    }
    const framing =
      plan.framing === "length"
        ? `Content-Length: ${plan.size}\r\n`
        : plan.framing === "chunked"
          ? "Transfer-Encoding: chunked\r\n"
          : "";
    const connection =
      plan.after === "close" ? "Connection: close\r\n" : plan.after === "hint" ? "Keep-Alive: timeout=1\r\n" : "";
    const head = `HTTP/1.1 ${isBusy ? 503 : plan.status} storm-${plan.id}\r\nx-storm-id: ${plan.id}\r\n${framing}${connection}\r\n`;
    const cut = chance(random, 0.1) ? below(random, head.length) : 0;
    if (cut > 0) {
      socket.write(head.slice(0, cut));
      await pause(0);
    }
    socket.write(head.slice(cut));
    if (plan.method !== "HEAD") await (plan.isEcho ? this.#echo(visit) : this.#sendBody(visit, random));
    if (socket.destroyed) return;
    if (plan.framing === "close" || plan.after === "close" || plan.after === "close-unannounced") socket.end();
  }

  /** A reset would take earlier answers with it that are still on their way, and those are to arrive. */
  #break(visit: Visit): void {
    if (this.#answered > 0 && visit.plan.upload === null) this.#socket.end();
    else breakOff(this.#socket);
  }

  #orClosed(promise: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once("close", resolve);
      void promise.then(() => {
        this.#socket.removeListener("close", resolve);
        resolve();
      });
    });
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#socket.write(bytes) || this.#socket.destroyed) return;
    const drained = Promise.withResolvers<void>();
    this.#socket.once("drain", drained.resolve);
    await this.#orClosed(drained.promise);
    this.#socket.removeListener("drain", drained.resolve);
  }

  async #sendBody(visit: Visit, random: Random): Promise<void> {
    const socket = this.#socket;
    const { plan } = visit;
    const isFaulty = visit.attempt === 1;
    const isChunked = plan.framing === "chunked";
    const meanPiece = 2 ** (3 + below(random, 14));
    const maxPieces = 40;
    const isGappy = chance(random, 0.2);
    const stop =
      isFaulty && (plan.fault === "reset-in-answer" || plan.fault === "fin-in-answer") ? plan.faultAt : plan.size;
    for (let at = 0, pieces = 0; at < stop && !socket.destroyed; pieces++) {
      const length = Math.min(stop - at, 65_536, pieces < maxPieces ? 1 + below(random, 2 * meanPiece) : 65_536);
      const piece = bodyPiece(plan.id, BodyKind.answer, at, length);
      at += length;
      await this.#write(
        isChunked ? Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]) : piece,
      );
      if (isGappy && pieces < maxPieces) await pause(chance(random, 0.2) ? 1 : 0);
    }
    if (stop < plan.size) {
      if (plan.fault === "reset-in-answer") this.#break(visit);
      else socket.end();
    } else if (isChunked && !socket.destroyed) await this.#write(Buffer.from("0\r\n\r\n"));
  }

  async #echo(visit: Visit): Promise<void> {
    const socket = this.#socket;
    const resume = (): void => void socket.resume();
    const send = (piece: Buffer): void => {
      if (piece.length === 0 || socket.destroyed) return;
      if (!socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")])))
        socket.pause();
    };
    socket.on("drain", resume);
    for (const piece of visit.early) send(piece);
    visit.onPiece = send;
    await this.#orClosed(visit.uploaded.promise);
    socket.removeListener("drain", resume);
    socket.resume();
    if (!socket.destroyed) await this.#write(Buffer.from("0\r\n\r\n"));
  }
}

/** An endpoint on a loopback port or a Unix socket. */
export class Origin {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param path of a Unix socket; null = a loopback port */
  static async start(path: string | null, ledger: Ledger, planOf: (id: number) => Plan): Promise<Origin> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      new OriginConnection(socket, ledger, planOf);
    });
    await new Promise<void>((resolve) =>
      path === null ? server.listen(0, "127.0.0.1", resolve) : server.listen(path, resolve),
    );
    return new Origin(
      path === null ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`,
      server,
      sockets,
    );
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
