/**
 * The admin listener: metrics, probes, status and reload over `node:http`, in the control thread, apart from all
 * proxied traffic. Bounded like everything else: connections, head, body, answers that are not taken and waiting times
 * have limits, and nothing a client sends is shown back to it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";
import { TimerWheel } from "../base/timer-wheel.ts";
import { descriptorOf } from "../net/inherited-sockets.ts";
import type { ListenAddress } from "../net/listen-address.ts";
import { canSharePorts } from "../net/shared-ports.ts";
import { bindSocketPath, type BoundSocketPath } from "../net/socket-path.ts";
import { type AdminToken, decideAccess } from "./admin-access.ts";
import { type AdminAnswer, jsonAnswer, sendAnswer, textAnswer } from "./admin-answer.ts";
import type { AdminConnection } from "./admin-connection.ts";
import { AdminConnections } from "./admin-connections.ts";
import { findAdminPath } from "./admin-paths.ts";
import type { AdminSources } from "./admin-sources.ts";

/** What an admin listener is made of. */
export interface AdminServerOptions {
  readonly address: ListenAddress;
  /** Without tokens, everybody that gets here may read and only this machine may change. */
  readonly tokens: readonly AdminToken[];
  readonly sources: AdminSources;
  /** A source threw: a bug of ours. The client gets a 500. */
  readonly onError?: (error: unknown) => void;
  /** Default: one of its own. */
  readonly wheel?: TimerWheel;
}

/** A running admin listener. */
export interface AdminServer {
  /** The address that it listens on, with the port that was given for port 0. */
  readonly address: ListenAddress;
  /** The permissions of its Unix socket. */
  setMode(mode: number): void;
  /** Stops listening and closes every connection; answers under way have a second to end. */
  close(): Promise<void>;
}

const maxBodyBytes = 64 * 1024;
const closeGraceMs = 1_000;

/** Starts the admin listener. @throws the system's error if it cannot listen. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer({
    maxHeaderSize: 16 * 1024,
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 15_000,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: true,
  });
  const path = await listen(server, options.address);
  // What the kernel cannot accept concerns that one connection; unheard, it would end the process.
  server.on("error", (error) => options.onError?.(error));
  const bound = server.address();
  const isTcp = typeof bound === "object" && bound !== null;
  const wheel = options.wheel ?? startWheel(options);
  const connections = new AdminConnections({
    server,
    isTcp,
    wheel,
    serve: (connection, request, response) => void handle({ connection, request, response, options, isTcp }),
  });
  const address = boundAddress(server, options.address);
  return {
    address,
    setMode: (mode) => {
      const error = path?.setMode(mode) ?? null;
      if (error !== null) options.onError?.(error);
    },
    close: () =>
      new Promise((resolve) => {
        const giveUp = setTimeout(() => server.closeAllConnections(), closeGraceMs);
        server.close(() => {
          clearTimeout(giveUp);
          if (options.wheel === undefined) wheel.close();
          resolve();
        });
        path?.remove();
        connections.close();
      }),
  };
}

function startWheel({ onError }: AdminServerOptions): TimerWheel {
  const wheel = new TimerWheel({ tickMs: 500, ...(onError !== undefined && { onError }) });
  wheel.start();
  return wheel;
}

interface Call {
  readonly connection: AdminConnection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly options: AdminServerOptions;
  readonly isTcp: boolean;
}

async function handle(call: Call): Promise<void> {
  const { request, response, options } = call;
  request.on("error", () => {});
  response.on("error", () => {});
  try {
    const answer = await decideAnswer(call);
    // What is left of a body that nobody reads must not be taken for the next request.
    if (!request.complete) response.setHeader("connection", "close");
    send(call, answer);
  } catch (error) {
    options.onError?.(error);
    send(call, textAnswer(500, "Internal error."));
  }
}

function send({ connection, response }: Call, answer: AdminAnswer): void {
  const bodyBytes = sendAnswer(response, answer);
  if (bodyBytes !== null) connection.noteSending(bodyBytes);
}

async function decideAnswer({ connection, request, options, isTcp }: Call): Promise<AdminAnswer> {
  const { sources, tokens } = options;
  const pathName = (request.url ?? "").split("?", 1)[0] ?? "";
  const path = findAdminPath(pathName);
  const isApi = pathName.startsWith("/api/");
  const explain = (status: number, message: string, headers: Record<string, string> = {}): AdminAnswer =>
    isApi ? jsonAnswer(status, { error: message }, headers) : textAnswer(status, message, headers);
  const refusal = decideAccess(
    {
      // An unknown path is refused like a known one, so that only clients that may read learn which paths exist.
      need: path?.need ?? "read",
      headers: request.headers,
      peerAddress: isTcp ? (request.socket.remoteAddress ?? "") : null,
      localAddress: isTcp ? (request.socket.localAddress ?? "") : null,
    },
    tokens,
  );
  if (refusal !== null)
    return explain(
      refusal.status,
      refusal.message,
      refusal.status === 401
        ? { "www-authenticate": 'Bearer realm="millrace", Basic realm="millrace", charset="UTF-8"' }
        : {},
    );
  if (path === undefined) return explain(404, "Not found.");
  const allowed = path.method === "GET" ? "GET, HEAD" : path.method;
  if (!allowed.split(", ").includes(request.method ?? ""))
    return explain(405, "This method is not allowed.", { allow: allowed });
  const body = await readBody(request);
  if (body === null) return explain(413, "The request body is too large.");
  connection.noteMaking();
  return path.answer(sources, {
    accept: request.headers.accept,
    body,
    peer: isTcp ? (request.socket.remoteAddress ?? "unknown") : "unix socket",
  });
}

/** The body as text; null if it is too large or broke off: its rest is then left unread. */
function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) return Promise.resolve(null);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBodyBytes) return;
      request.pause();
      resolve(null);
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.once("close", () => resolve(null));
  });
}

async function listen(server: Server, address: ListenAddress): Promise<BoundSocketPath | null> {
  if (address.kind === "unix") return bindSocketPath(address, (path) => listenOnce(server, { path }));
  // A reload may open it beside itself: `127.0.0.1:9901`, then `:9901`.
  const options: ListenOptions & { fd?: number } =
    address.kind === "fd"
      ? { fd: descriptorOf(address.fd) }
      : {
          port: address.port,
          exclusive: true,
          reusePort: canSharePorts(),
          ...(address.host !== null && { host: address.host }),
        };
  await listenOnce(server, options);
  return null;
}

function listenOnce(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function boundAddress(server: Server, asked: ListenAddress): ListenAddress {
  const bound = server.address() as AddressInfo | string | null;
  if (bound === null || typeof bound === "string" || asked.kind !== "tcp") return asked;
  return { kind: "tcp", host: asked.host, port: bound.port };
}
