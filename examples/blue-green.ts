/**
 * A switch from one version to another while requests are running; none of them fails. Run it: `node
 * examples/blue-green.ts`.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxy, defineConfig } from "../src/index.ts"; // in a project of yours: "millrace"

async function startVersion(version: string) {
  const server = createServer((_request, response) => response.end(version));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const blue = await startVersion("blue");
const green = await startVersion("green");

const configFor = (version: "blue" | "green") =>
  defineConfig({
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ name: "app", upstream: version }],
    upstreams: { blue: { endpoints: [blue.url] }, green: { endpoints: [green.url] } },
  });

const proxy = await createProxy(configFor("blue"));
await proxy.listen();
const url = `http://127.0.0.1:${proxy.addresses()[0]?.port}/`;

const counts = { blue: 0, green: 0, failed: 0 };
let isRunning = true;
const client = async (): Promise<void> => {
  while (isRunning) {
    try {
      const response = await fetch(url);
      counts[(await response.text()) as "blue" | "green"]++;
    } catch {
      counts.failed++;
    }
  }
};
const clients = Array.from({ length: 8 }, client);

while (counts.blue < 100) await new Promise(setImmediate);
await proxy.reload(configFor("green"));
while (counts.green < 100) await new Promise(setImmediate);

isRunning = false;
await Promise.all(clients);
await proxy.close();
for (const { server } of [blue, green]) {
  server.close();
  server.closeAllConnections();
}
console.log(`blue answered: ${counts.blue > 0}, green answered: ${counts.green > 0}, failed: ${counts.failed}`);
