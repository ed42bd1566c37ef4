import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type DiscoveryDriver, testDiscovery } from "../testing/conformance.ts";
import { httpKind } from "./kind.ts";
import { httpDiscoverySchema } from "./options.ts";

testDiscovery("http", async (): Promise<DiscoveryDriver> => {
  const records = new Map<number, number>();
  const others: string[] = [];
  let trouble: "silent" | "nonsense" | null = null;
  let version = 1_000;
  let connections = 0;
  const serve = (known: string | undefined, answer: ServerResponse): void => {
    if (trouble === "silent") return;
    if (trouble === "nonsense") return void answer.end("<html>nonsense-secret</html>");
    const etag = `"${version}"`;
    if (known === etag) return void answer.writeHead(304).end();
    const list = [...records].map(([port, weight]) => ({ url: `http://127.0.0.1:${port}`, weight }));
    answer.writeHead(200, { etag }).end(JSON.stringify([...list, ...others]));
  };
  const open = async (port: number) => {
    const made = createServer((request, answer) => serve(request.headers["if-none-match"], answer));
    made.on("connection", (socket) => {
      connections++;
      socket.on("close", () => connections--);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    made.listen(port, "127.0.0.1", resolve);
    await promise;
    return made;
  };
  let server: Awaited<ReturnType<typeof open>> | null = await open(0);
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (server === null) return;
    server.close(() => resolve());
    server.closeAllConnections();
    server = null;
    await promise;
  };
  const change = async (make: () => void): Promise<void> => {
    make();
    version++;
  };
  const options = { url: `http://127.0.0.1:${port}/?key=nonsense-secret`, interval: "100ms", timeout: "300ms" };
  return {
    create: (context) => httpKind.create(httpDiscoverySchema.parse(options), context),
    put: (at, weight) => change(() => void records.set(at, weight)),
    remove: (at) => change(() => void records.delete(at)),
    putNonsense: () => change(() => void others.push("http://user:nonsense-secret@a")),
    goAway: stop,
    comeBack: async () => {
      trouble = null;
      server ??= await open(port);
    },
    talkNonsense: async () => void (trouble = "nonsense"),
    stall: async () => void (trouble = "silent"),
    goBackwards: async () => void (version = 0),
    fillUp: (count) =>
      change(() => {
        for (let at = 0; at < count; at++) records.set(10_000 + at, 1);
      }),
    openCount: () => connections,
    close: stop,
  };
});
