/** The program of the `http-proxy` peer: node http-proxy-server.ts LISTEN_PORT BACKEND_PORT. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";

/** The little of `http-proxy` that is used here; the package has no types of its own. */
interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
  on(event: "error", listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void;
}

const { createProxyServer } = createRequire(import.meta.url)("http-proxy") as {
  createProxyServer(options: object): HttpProxy;
};
const [listenPort, backendPort] = process.argv.slice(2).map(Number);

const proxy = createProxyServer({
  target: { host: "127.0.0.1", port: backendPort },
  agent: new Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024 }),
  xfwd: true,
});
proxy.on("error", (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502);
  response.end();
});
const server = createServer((request, response) => proxy.web(request, response));
server.keepAliveTimeout = 300_000;
server.listen(listenPort, "127.0.0.1", 8192);
