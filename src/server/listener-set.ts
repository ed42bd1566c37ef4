/**
 * The listeners of one data plane, and the sockets that give them connections. They change in two steps, as everything
 * that a configuration says: `prepare` opens sockets beside those that serve, `commit` gives every socket the listener
 * of its address.
 */
import { coversAddress, formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { DatagramListener } from "../net/datagram-listener.ts";
import { type AcceptingSocket, ListeningSocket } from "../net/listening-socket.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { BoundAddress, ChosenPorts } from "./bound-address.ts";
import { Listener, type ListenerHost } from "./listener.ts";

/** How the threads of a proxy share its addresses. */
export interface AddressSharing {
  /**
   * Other threads listen on the same addresses: only the first thread opens Unix and inherited sockets then, because the
   * kernel spreads connections among sockets of one port only.
   */
  readonly isShared: boolean;
  readonly chosenPorts: ChosenPorts;
}

interface PreparedListeners {
  readonly options: readonly ListenerOptions[];
  /** By address as configured. */
  readonly opened: ReadonlyMap<string, AcceptingSocket>;
}

/** Holds the listeners of one thread, by the address that the configuration writes. */
export class ListenerSet {
  readonly #host: ListenerHost;
  readonly #isFirstThread: boolean;
  #listeners = new Map<string, Listener>();
  #options: readonly ListenerOptions[] = [];
  #prepared: PreparedListeners | null = null;

  constructor(host: ListenerHost, stripeIndex: number) {
    this.#host = host;
    this.#isFirstThread = stripeIndex === 0;
  }

  /** Those of the running configuration. */
  get all(): readonly Listener[] {
    return [...this.#listeners.values()];
  }

  /**
   * Opens the sockets that `options` ask for and nobody has opened: whoever connects to one waits. `commit` or `abort`
   * follows. @throws the system's error; then none of them is left open
   */
  async prepare(options: readonly ListenerOptions[], sharing: AddressSharing): Promise<void> {
    const opened = new Map<string, AcceptingSocket>();
    try {
      for (const { address } of options) {
        const key = formatListenAddress(address);
        if (this.#sockets.has(key) || !this.#opens(address, sharing)) continue;
        const socket = address.kind === "udp" ? new DatagramListener(address) : new ListeningSocket(address);
        opened.set(key, socket);
        await socket.listen(sharing.chosenPorts.get(key) ?? null);
      }
    } catch (error) {
      for (const socket of opened.values()) socket.close();
      throw error;
    }
    this.#prepared = { options, opened };
  }

  #opens(address: ListenAddress, { isShared }: AddressSharing): boolean {
    return address.kind === "tcp" || address.kind === "udp" || !isShared || this.#isFirstThread;
  }

  /**
   * Gives every socket the listener of its address. One whose address is gone, but covered by another of the same port,
   * goes on: what waits in its queue is not lost.
   * @returns listeners that the configuration no longer has; their sockets are closed, their connections open
   */
  commit(): Listener[] {
    const { options, opened } = this.#prepared!;
    const sockets = new Map([...this.#sockets, ...opened]);
    const before = this.#listeners;
    this.#prepared = null;
    this.#options = options;
    this.#listeners = new Map();
    for (const one of options) {
      const key = formatListenAddress(one.address);
      if (!sockets.has(key)) continue;
      const kept = before.get(key);
      kept?.update(one);
      this.#listeners.set(key, kept ?? new Listener(one, this.#host));
    }
    for (const listener of before.values()) listener.releaseSockets();
    for (const [key, socket] of sockets) {
      const listener = this.#listeners.get(key) ?? findCovering(this.#listeners.values(), socket.address);
      if (listener === undefined) socket.close();
      else listener.serve(socket);
    }
    return [...before].filter(([key]) => !this.#listeners.has(key)).map(([, listener]) => listener);
  }

  /** Closes what `prepare` has opened. */
  abort(): void {
    for (const socket of this.#prepared?.opened.values() ?? []) socket.close();
    this.#prepared = null;
  }

  /** Where it listens, or will once what is prepared comes to work. */
  get addresses(): BoundAddress[] {
    const sockets = new Map([...this.#sockets, ...(this.#prepared?.opened ?? [])]);
    const options = this.#prepared?.options ?? this.#options;
    return options.flatMap(({ name, address }) => {
      const configured = formatListenAddress(address);
      const socket = sockets.get(configured);
      return socket === undefined ? [] : [{ name, configured, host: socket.host, port: socket.port }];
    });
  }

  /** The port that is listened on for `address`; 0 = none. */
  portOf(address: ListenAddress): number {
    return this.#sockets.get(formatListenAddress(address))?.port ?? 0;
  }

  /** All that are open and serve, by address as configured. */
  get #sockets(): ReadonlyMap<string, AcceptingSocket> {
    return new Map(this.all.flatMap((listener) => listener.sockets.map((socket) => [socket.key, socket])));
  }
}

/** Who listens on an address of the same port that takes what is sent to `address`, too. */
function findCovering(listeners: Iterable<Listener>, address: ListenAddress): Listener | undefined {
  if (address.kind !== "tcp" || address.port === 0) return undefined;
  for (const listener of listeners)
    if (listener.options.address.kind === "tcp" && coversAddress(listener.options.address, address)) return listener;
  return undefined;
}
