/**
 * A proxy inside a program: two services of the program's own behind one address. Run it: `node examples/embedded.ts`.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxy } from "../src/index.ts"; // in a project of yours: "millrace"

async function startService(name: string): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => response.end(`${name} got ${request.method} ${request.url}\n`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const [orders, invoices] = await Promise.all([startService("orders"), startService("invoices")]);

const proxy = await createProxy({
  listeners: [{ address: "127.0.0.1:0" }],
  routes: [
    { match: { path: "/orders/*" }, middlewares: [{ rewrite: { stripPrefix: "/orders" } }], upstream: "orders" },
    { match: { path: "/invoices/*" }, upstream: "invoices" },
    { respond: { status: 404, body: "Try /orders/1 or /invoices/1.\n" } },
  ],
  upstreams: {
    orders: { endpoints: [orders.url] },
    invoices: { endpoints: [invoices.url] },
  },
});
await proxy.listen();

const base = `http://127.0.0.1:${proxy.addresses()[0]?.port}`;
for (const path of ["/orders/1", "/invoices/1", "/"]) {
  const response = await fetch(base + path);
  process.stdout.write(`${path}: ${response.status} ${await response.text()}`);
}

await proxy.close();
orders.close();
invoices.close();
