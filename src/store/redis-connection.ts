/** The connection of one thread to one Redis server: opened in the background, opened again for ever, and never a queue while it is not there. */
import type { RedisClientOptions, createClient } from "@redis/client";
import type { StoreOptions } from "./options.ts";

type Client = ReturnType<typeof createClient>;

/** A reconnection comes at the latest after this time; the client's own spread is added. */
const maxReconnectMs = 500;
const connectTimeoutMs = 2_000;
/** More commands than this waiting for an answer mean that there is none. */
const maxQueuedCommands = 10_000;

/** See the head of this file. */
export class RedisConnection {
  readonly #client: Client;
  readonly #firstConnection: Promise<void>;

  private constructor(client: Client, onError: (error: Error | null) => void) {
    this.#client = client;
    client.on("error", onError);
    client.on("ready", () => onError(null));
    // Rejects only when it is closed before it is there.
    this.#firstConnection = client.connect().then(() => client.unref(), () => {});
  }

  /**
   * Begins to connect.
   * @param onError told what is wrong with the connection, and with null when it is there (again)
   * @throws where the package is not installed
   */
  static async open(options: StoreOptions["redis"], onError: (error: Error | null) => void): Promise<RedisConnection> {
    const { createClient } = await loadClient();
    const reconnectStrategy = (retries: number): number => Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectMs) * (0.5 + Math.random() / 2);
    const socket = { connectTimeout: connectTimeoutMs, reconnectStrategy };
    const common = { RESP: 2, disableOfflineQueue: true, commandsQueueMaxLength: maxQueuedCommands };
    const place = options.url.startsWith("unix:") ? { socket: { ...socket, path: options.url.slice(5), tls: false as const } } : { url: options.url, socket };
    return new RedisConnection(createClient({ ...common, ...place } as RedisClientOptions) as unknown as Client, onError);
  }

  /** Resolves when it is connected for the first time, or closed. */
  get connected(): Promise<void> {
    return this.#firstConnection;
  }

  /** Sends a command; rejects at once where there is no connection. */
  send(command: readonly string[]): Promise<unknown> {
    return this.#client.sendCommand([...command]);
  }

  close(): void {
    this.#client.destroy();
  }
}

async function loadClient(): Promise<typeof import("@redis/client")> {
  try {
    return await import("@redis/client");
  } catch (error) {
    throw new Error("a Redis store needs the package @redis/client: npm install @redis/client@6.3.1", { cause: error });
  }
}
