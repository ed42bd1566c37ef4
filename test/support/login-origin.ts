/**
 * An endpoint whose logins hold for a connection, as NTLM's and Negotiate's do: three steps, then every request of that
 * connection is served as the one who has logged in. The body of its answers is the name, `nobody` if there is no
 * login and none is asked for.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { readRequest, type WireRequest } from "./wire-reader.ts";

const valueOf = (request: WireRequest, name: string): string | undefined =>
  request.fields.find(([field]) => field.toLowerCase() === name)?.[1];

/** One connection of the proxy. */
export class LoginConnection {
  readonly socket: Socket;
  /** Whom it serves from now on. */
  user: string | null = null;
  readonly requests: WireRequest[] = [];
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }
}

/** An endpoint whose connections are logged in, and which answers with the name of who has logged in. */
export class LoginOrigin {
  readonly url: string;
  readonly connections: LoginConnection[] = [];
  /** Answers a request in place of the origin; @returns whether it did. */
  onRequest: ((connection: LoginConnection, request: WireRequest) => boolean) | null = null;
  readonly #server: Server;
  readonly #offer: string;

  private constructor(server: Server, offer: string) {
    this.#server = server;
    this.#offer = offer;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param offer the value of its `WWW-Authenticate` */
  static async start(offer: string): Promise<LoginOrigin> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    server.unref();
    const origin = new LoginOrigin(server, offer);
    server.on("connection", (socket) => origin.#accept(socket));
    return origin;
  }

  /** Those that are open. */
  get open(): LoginConnection[] {
    return this.connections.filter(({ isClosed }) => !isClosed);
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const connection = new LoginConnection(socket);
    this.connections.push(connection);
    let unread = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => {
      connection.isClosed = true;
    });
    socket.on("data", (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (let read = readRequest(unread, 0); read !== null; read = readRequest(unread, 0)) {
        unread = unread.subarray(read.end);
        connection.requests.push(read.message);
        if (this.onRequest?.(connection, read.message) !== true) this.answer(connection, read.message);
      }
    });
  }

  /** Answers as such an endpoint does. */
  answer(connection: LoginConnection, request: WireRequest): void {
    const [, token = ""] = /^(?:ntlm|negotiate) (\S+)$/i.exec(valueOf(request, "authorization") ?? "") ?? [];
    if (token.startsWith("proof-")) connection.user = token.slice("proof-".length);
    const body = connection.user ?? (request.target.startsWith("/public") ? "nobody" : null);
    const isHead = request.method === "HEAD";
    if (body !== null)
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${isHead ? "" : body}`);
    else
      connection.socket.write(
        `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${this.#offer}${token === "hello" && !this.#offer.includes(",") ? " challenge" : ""}\r\nContent-Length: 0\r\n\r\n`,
      );
  }
}
