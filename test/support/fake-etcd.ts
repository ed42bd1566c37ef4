/**
 * A double of one member of etcd, as its JSON gateway speaks (etcd 3.4): log in, list, watch. It answers within the
 * event loop of the test, so that time may stand still; the real one is in `etcd-server.ts`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";

interface Stored {
  readonly value: string;
  readonly revision: number;
}

interface Watcher {
  readonly id: string;
  readonly prefix: string;
  readonly answer: ServerResponse;
}

/** A member without others. */
export class FakeEtcd {
  /** Who may log in; null = everybody may read. */
  login: { readonly user: string; readonly password: string; readonly token: string } | null = null;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #entries = new Map<string, Stored>();
  /** Everything that has ever changed. */
  readonly #history: { readonly revision: number; readonly events: readonly object[] }[] = [];
  readonly #watchers = new Set<Watcher>();
  #revision = 1;

  private constructor() {
    this.#server = createServer((request, answer) => void this.#serve(request, answer));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<FakeEtcd> {
    const etcd = new FakeEtcd();
    etcd.#server.listen(0, "127.0.0.1");
    await once(etcd.#server, "listening");
    return etcd;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Makes these all the keys that there are, in one transaction. */
  replace(entries: Readonly<Record<string, string>>): void {
    this.#revision++;
    const events: object[] = [];
    for (const key of [...this.#entries.keys()]) {
      if (key in entries) continue;
      this.#entries.delete(key);
      events.push({ type: "DELETE", kv: { key: toBase64(key), mod_revision: String(this.#revision) } });
    }
    for (const [key, value] of Object.entries(entries)) {
      if (this.#entries.get(key)?.value === value) continue;
      this.#entries.set(key, { value, revision: this.#revision });
      events.push({ kv: this.#show(key) });
    }
    this.#history.push({ revision: this.#revision, events });
    for (const { id, answer } of this.#watchers) this.#tell(answer, { watch_id: id, events });
  }

  /** Harmless if called again. */
  close(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  get #header(): object {
    return { cluster_id: "14841639068965178418", member_id: "1", revision: String(this.#revision), raft_term: "2" };
  }

  #show(key: string): object {
    const { value = "", revision = 0 } = this.#entries.get(key) ?? {};
    const at = String(revision);
    return { key: toBase64(key), value: toBase64(value), create_revision: at, mod_revision: at, version: "1" };
  }

  #tell(answer: ServerResponse, result: object): void {
    answer.write(`${JSON.stringify({ result: { header: this.#header, ...result } })}\n`);
  }

  async #serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const [body = {}] = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, any>);
    const send = (status: number, value: object): void => {
      answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    if (request.url === "/v3/auth/authenticate") {
      if (body["name"] === this.login?.user && body["password"] === this.login?.password)
        return send(200, { header: this.#header, token: this.login?.token });
      return send(400, { error: "etcdserver: authentication failed, invalid user ID or password", code: 3 });
    }
    if (this.login !== null && request.headers.authorization !== this.login.token)
      return send(401, { error: "etcdserver: invalid auth token", code: 16 });
    if (request.url === "/v3/watch") return this.#watch(body, answer);
    if (request.url !== "/v3/kv/range") return send(404, { error: "Not Found", code: 5 });
    const prefix = fromBase64(body["key"]);
    const isPrefix = body["range_end"] !== undefined;
    const keys = [...this.#entries.keys()].filter((key) => (isPrefix ? key.startsWith(prefix) : key === prefix));
    const kvs = keys.toSorted().map((key) => this.#show(key));
    return send(200, { header: this.#header, ...(kvs.length > 0 && { kvs, count: String(kvs.length) }) });
  }

  #watch({ create_request: wish = {} }: Record<string, any>, answer: ServerResponse): void {
    answer.writeHead(200, { "content-type": "application/json" });
    const watcher = { id: String(wish.watch_id ?? "0"), prefix: fromBase64(wish.key), answer };
    this.#watchers.add(watcher);
    answer.on("close", () => this.#watchers.delete(watcher));
    this.#tell(answer, { watch_id: watcher.id, created: true });
    for (const { revision, events } of this.#history)
      if (revision >= Number(wish.start_revision ?? Infinity)) this.#tell(answer, { watch_id: watcher.id, events });
  }
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fromBase64(text: string): string {
  return Buffer.from(text ?? "", "base64").toString();
}
