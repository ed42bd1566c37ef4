/** Small loopback chores: free ports, waiting for a listener, one plain request. */
import { request } from "node:http";
import { request as requestSecurely } from "node:https";
import { connect, createServer } from "node:net";

/**
 * Below the range from which the kernel hands out ports, so that no program that asks for "any port" gets the same one
 * meanwhile.
 */
const portRange = { first: 10_000, count: 20_000 };

/** A port nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = portRange.first + Math.floor(Math.random() * portRange.count);
    if (await canListen(port)) return port;
  }
  throw new Error("no free port");
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}

/**
 * Resolves when the port accepts; rejects after `timeoutMs` or as soon as `hasEnded` says that nobody will ever listen.
 */
export async function untilAccepting(port: number, timeoutMs: number, hasEnded: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await accepts(port))) {
    if (hasEnded()) throw new Error("it ended before it listened");
    if (performance.now() > deadline) throw new Error(`nothing listens after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export interface PlainResponse {
  status: number;
  /** Its Content-Encoding; null = none. */
  coding: string | null;
  body: Buffer;
}

/** What is asked for. */
export interface PlainRequest {
  readonly path: string;
  /** Default: GET. */
  readonly method?: string;
  readonly body?: Buffer | null;
  /** Default: http. */
  readonly scheme?: "http" | "https";
  /** Default: there is no such field. */
  readonly acceptEncoding?: string | undefined;
}

/** One request over its own connection, to whoever listens there. */
export function fetchOnce(
  port: number,
  { path, method = "GET", body = null, scheme = "http", acceptEncoding }: PlainRequest,
): Promise<PlainResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = (scheme === "http" ? request : requestSecurely)(
      {
        host: "127.0.0.1",
        port,
        path,
        method,
        agent: false,
        rejectUnauthorized: false,
        headers: {
          ...(body !== null && { "content-length": body.length }),
          ...(acceptEncoding !== undefined && { "accept-encoding": acceptEncoding }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.once("error", reject);
        incoming.once("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            coding: incoming.headers["content-encoding"] ?? null,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    outgoing.setTimeout(10_000, () => outgoing.destroy(new Error(`no answer to ${method} ${path} within 10 s`)));
    outgoing.once("error", reject);
    outgoing.end(body ?? undefined);
  });
}
