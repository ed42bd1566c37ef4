/**
 * An endpoint for the chaos run, in a process of its own. It listens on one port for every proxy, so that all proxies
 * meet the same fault at the same moment and what each sends can be counted apart. Its parent tells it by message how
 * to misbehave. Arguments: seed, ports.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createRandom } from "./random.ts";

/** How an endpoint behaves. Its health path is well in all of them: only live traffic tells. */
export type Behaviour = "well" | "slow" | "500" | "503" | "reset" | "truncate";

/** To the endpoint. */
export interface EndpointOrder {
  readonly behaviour: Behaviour;
}

/** From the endpoint, every 100 ms: requests so far by port, health checks left out. */
export interface EndpointReport {
  readonly requests: Readonly<Record<number, number>>;
}

/** Every good answer's body. */
export const answerBody = "0123456789abcdef".repeat(256);

/** Milliseconds an answer takes: like a small service, and well above what a busy machine adds by itself. */
const minServiceMs = 8;
const maxServiceMs = 16;
const slowMs = 400;

function main(): void {
  const [seed = "1", ...ports] = process.argv.slice(2);
  const random = createRandom(Number(seed));
  const requests: Record<number, number> = {};
  let behaviour: Behaviour = "well";
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === "/health") {
      response.end("ok");
      return;
    }
    const port = (request.socket.address() as AddressInfo).port;
    requests[port] = (requests[port] ?? 0) + 1;
    if (behaviour === "500" || behaviour === "503")
      response.writeHead(Number(behaviour), { "content-length": 0 }).end();
    else if (behaviour === "reset") request.socket.resetAndDestroy();
    else if (behaviour === "truncate") {
      response.writeHead(200, { "content-length": answerBody.length });
      response.write(answerBody.slice(0, 1000), () => setTimeout(() => request.socket.resetAndDestroy(), 5));
    } else {
      const wait = behaviour === "slow" ? slowMs : minServiceMs + random() * (maxServiceMs - minServiceMs);
      setTimeout(() => response.writeHead(200, { "content-length": answerBody.length }).end(answerBody), wait);
    }
  };
  for (const port of ports) createServer({ keepAliveTimeout: 120_000 }, answer).listen(Number(port), "127.0.0.1", 1024);
  process.on("message", (order: EndpointOrder) => {
    behaviour = order.behaviour;
  });
  process.on("disconnect", () => process.exit());
  setInterval(() => process.send?.({ requests } satisfies EndpointReport), 100);
}

if (import.meta.main) main();
