/** A TLS server for tests, of Node's own. */
import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import type { TestContext } from "node:test";
import { defaultEndpointTls, type EndpointTls } from "../endpoint-tls.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { readClientTexts } from "../../net/tls/read-client-texts.ts";

/** A server that runs until the end of the test. */
export interface TestTlsServer {
  readonly port: number;
  /** What connections asked for (SNI), in their order. */
  readonly names: string[];
  /** Connections that resumed a session. */
  readonly resumed: boolean[];
}

/** Starts it; `onSecure` gets every connection whose handshake is done. */
export async function startTlsServer(
  context: TestContext,
  options: TlsOptions,
  onSecure: (socket: TLSSocket) => void,
): Promise<TestTlsServer> {
  const names: string[] = [];
  const resumed: boolean[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const noteName = (name: string, done: (error: null) => void): void => {
    names.push(name);
    done(null);
  };
  const server = createServer({ ...options, SNICallback: noteName }, (socket) => {
    resumed.push(socket.isSessionReused());
    socket.on("error", () => {});
    onSecure(socket);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, names, resumed };
}

/** What a configuration says of TLS, with what its files hold. */
export function tlsOf(
  more: Partial<EndpointTls>,
  files: Partial<Record<"ca" | "crl" | "cert" | "key", string>> = {},
): EndpointTls {
  const { texts } = readClientTexts({ ca: null, crl: null, cert: null, key: null, ...files });
  return { ...defaultEndpointTls, ...more, texts };
}

/** An endpoint over TLS at `port` of this machine. @param host resolved to this machine by whoever looks it up */
export const tlsSpecAt = (port: number, tls: EndpointTls, host = "127.0.0.1"): EndpointSpec => ({
  url: `https://${host}:${port}`,
  host,
  port,
  socketPath: null,
  weight: 1,
  isBackup: false,
  tls,
});
