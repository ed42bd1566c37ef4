/**
 * One of the demo's backends: a small `node:http` server whose paths show what a proxy must cope with.
 * Nothing here is part of the data path.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { answerBig, answerEvents, answerUpload } from "./streaming-answers.ts";
import { serveWebSocketEcho } from "./websocket-echo.ts";

/** The paths of a backend with what they do, as `/help` lists them. */
export const backendPaths: readonly (readonly [path: string, meaning: string])[] = [
  ["/", "says which backend answered"],
  ["/health", "200 while the backend is well, 503 while it is sick"],
  ["/sick?seconds=15", "makes the backend that answers fail its health checks for a while"],
  ["/slow?ms=2000", "waits before it answers"],
  ["/error?status=500", "answers with an error"],
  ["/events", "server-sent events, one a second"],
  ["/ws", "a WebSocket that says everything back"],
  ["/upload", "takes a body of any size, answers with its length and SHA-256"],
  ["/big?bytes=1000000", "sends that many bytes"],
  ["/headers", "shows the request as the backend received it"],
];

/** A running backend. */
export interface DemoBackend {
  readonly name: string;
  readonly port: number;
  /** How many requests it has answered, health checks apart. */
  readonly requestCount: number;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** A query parameter as a whole number between `least` and `most`; `fallback` if it is absent or no number. */
function numberParameter(
  query: URLSearchParams,
  name: string,
  bounds: { fallback: number; least: number; most: number },
): number {
  const text = query.get(name);
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? Math.min(bounds.most, Math.max(bounds.least, Math.trunc(value))) : bounds.fallback;
}

class Backend implements DemoBackend {
  readonly name: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #sickUntilMs = 0;
  requestCount = 0;

  constructor(name: string) {
    this.name = name;
    // The proxy in front keeps idle connections for up to a minute: outlast it, and set no limit on the length of an
    // upload.
    this.#server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (request, response) =>
      this.#answer(request, response),
    );
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (request, socket, early) => {
      this.requestCount++;
      if (request.url !== "/ws" && !request.url?.startsWith("/ws?")) {
        socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      serveWebSocketEcho(request, socket, early, `You are talking to backend ${this.name}.`);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => resolve());
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? "/";
    const queryAt = target.indexOf("?");
    const path = queryAt === -1 ? target : target.slice(0, queryAt);
    const query = new URLSearchParams(queryAt === -1 ? "" : target.slice(queryAt + 1));
    if (path !== "/upload") request.resume();
    if (path === "/health") {
      const isWell = Date.now() >= this.#sickUntilMs;
      send(response, isWell ? 200 : 503, isWell ? "ok\n" : "sick\n");
      return;
    }
    this.requestCount++;
    response.setHeader("x-backend", this.name);
    switch (path) {
      case "/":
        this.#greet(request, response);
        return;
      case "/sick": {
        const seconds = numberParameter(query, "seconds", { fallback: 15, least: 0, most: 3600 });
        this.#sickUntilMs = Date.now() + seconds * 1000;
        send(
          response,
          200,
          `Backend ${this.name} fails its health checks for ${seconds} s. Watch it leave the rotation and come back.\n`,
        );
        return;
      }
      case "/slow": {
        const ms = numberParameter(query, "ms", { fallback: 2000, least: 0, most: 600_000 });
        const timer = setTimeout(() => send(response, 200, `Backend ${this.name} took its time: ${ms} ms.\n`), ms);
        response.once("close", () => clearTimeout(timer));
        return;
      }
      case "/error":
        send(
          response,
          numberParameter(query, "status", { fallback: 500, least: 400, most: 599 }),
          `Backend ${this.name} fails, as you asked.\n`,
        );
        return;
      case "/events":
        answerEvents(response, this.name);
        return;
      case "/upload":
        answerUpload(request, response, this.name);
        return;
      case "/big":
        answerBig(
          request,
          response,
          numberParameter(query, "bytes", { fallback: 1_000_000, least: 0, most: 100 * 1024 ** 3 }),
        );
        return;
      case "/headers":
        sendJson(response, 200, {
          backend: this.name,
          method: request.method,
          target: request.url,
          headers: request.headersDistinct,
        });
        return;
      case "/ws":
        response.setHeader("upgrade", "websocket");
        send(response, 426, "A WebSocket is expected here.\n");
        return;
      case "/help":
        send(response, 200, backendPaths.map(([path, meaning]) => `${path.padEnd(22)}${meaning}\n`).join(""));
        return;
      default:
        send(response, 404, `Backend ${this.name} has no ${path}; /help lists what it has.\n`);
    }
  }

  #greet(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.accept?.includes("application/json"))
      sendJson(response, 200, { backend: this.name, request: this.requestCount });
    else send(response, 200, `Hello from backend ${this.name} (its request ${this.requestCount}).\n`);
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** Starts a backend on a free port of 127.0.0.1. @param name what it calls itself in its answers */
export async function startBackend(name: string): Promise<DemoBackend> {
  const backend = new Backend(name);
  await backend.listen();
  return backend;
}
