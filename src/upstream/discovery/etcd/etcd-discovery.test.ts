/** The conformance suite against a real etcd, behind a relay that can be cut, silent, or full of nonsense. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after } from "node:test";
import { EtcdServer, etcdCommand } from "../../../../test/support/etcd-server.ts";
import { createEtcdClient } from "../../../remote/etcd/etcd-client.ts";
import { askEtcd } from "../../../remote/etcd/testing/etcd-under-test.ts";
import { type DiscoveryDriver, testDiscovery } from "../testing/conformance.ts";
import { etcdKind } from "./kind.ts";

type Mode = "passing" | "silent" | "nonsense";

/** Stands before a server. */
class Relay {
  mode: Mode = "passing";
  port = 0;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(target: number) {
    this.#target = target;
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.#serve(socket)).listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const closed = this.#server === null ? null : once(this.#server, "close");
    this.#server?.close();
    this.#server = null;
    this.cut();
    await closed;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is open stays open, and nothing passes any more. */
  hold(): void {
    this.mode = "silent";
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    if (this.mode === "nonsense")
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nnonsense-secret"));
    if (this.mode !== "passing") return;
    const onward = connect(this.#target, "127.0.0.1");
    onward.on("error", () => socket.destroy());
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  }
}

let running: Promise<EtcdServer> | null = null;
let cases = 0;
after(async () => (await running)?.close());

async function open(): Promise<DiscoveryDriver> {
  const server = await (running ??= EtcdServer.start());
  const relay = new Relay(Number(new URL(server.url).port));
  await relay.listen();
  const client = createEtcdClient({ urls: [server.url], login: null, tls: null });
  const prefix = `/services/case${cases++}/`;
  const recordOf = (port: number, weight: number): string =>
    weight === 1 ? `http://127.0.0.1:${port}` : JSON.stringify({ url: `http://127.0.0.1:${port}`, weight });
  return {
    create: (context) =>
      etcdKind.create(
        { urls: [`http://127.0.0.1:${relay.port}`], prefix, user: null, password: null, tls: null },
        context,
      ),
    put: (port, weight) => client.put(`${prefix}${port}`, recordOf(port, weight)),
    remove: (port) => client.remove(`${prefix}${port}`),
    putNonsense: () => client.put(`${prefix}nonsense`, '{"nonsense-secret'),
    goAway: () => relay.close(),
    talkNonsense: async () => {
      relay.mode = "nonsense";
      relay.cut();
    },
    stall: async () => relay.hold(),
    comeBack: async () => {
      relay.mode = "passing";
      await relay.close();
      await relay.listen();
    },
    goBackwards: async () => {
      const { entries } = await client.range(prefix);
      await server.restart({ isEmpty: true });
      for (const { key, value } of entries) await client.put(key, value);
    },
    fillUp: async (count) => {
      const base64 = (text: string): string => Buffer.from(text).toString("base64");
      for (let at = 0; at < count; at += 100) {
        const success = Array.from({ length: 100 }, (_, more) => ({
          request_put: {
            key: base64(`${prefix}${at + more}`),
            value: base64(`http://10.0.${(at + more) >> 8}.${(at + more) & 255}:80`),
          },
        }));
        await askEtcd(server.url, "kv/txn", { success });
      }
    },
    openCount: () => relay.openCount,
    close: async () => {
      client.close();
      await relay.close();
    },
  };
}

if (etcdCommand !== null) testDiscovery("etcd", open);
